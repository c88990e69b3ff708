// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Proof} from "./Proof.sol";
import {
    FilingKey,
    FilingWord,
    TrancheWord,
    digestTag,
    filingKey,
    packFiling,
    packTranche
} from "../../../contracts/PackedState.sol";
import {IFilingRegistry} from "../../../contracts/interfaces/IFilingRegistry.sol";

/// @dev What is packed comes out again at its full width, also where no history of the registry reaches.
contract Packing is Proof {
    function testFuzz_a_tranche_comes_out_as_it_went_in(uint96 cap, uint96 issued, uint64 key) external pure {
        TrancheWord word = packTranche(cap, issued, FilingKey.wrap(key));
        same(word.cap(), cap, "cap");
        same(word.issued(), issued, "issued");
        same(FilingKey.unwrap(word.key()), key, "key");
    }

    function testFuzz_a_filing_comes_out_as_it_went_in(
        uint8 number,
        uint48 validAfter,
        uint48 validUntil,
        uint64 sequence,
        uint88 tag
    ) external pure {
        uint8 status = number % (uint8(type(IFilingRegistry.FilingStatus).max) + 1);
        FilingWord word = packFiling(IFilingRegistry.FilingStatus(status), validAfter, validUntil, sequence, tag);
        same(uint8(word.status()), status, "status");
        same(word.validAfter(), validAfter, "start");
        same(word.validUntil(), validUntil, "end");
        same(word.sequence(), sequence, "sequence");
        same(word.tag(), tag, "tag");
    }

    function test_the_widest_values_come_out() external pure {
        FilingWord word = packFiling(
            IFilingRegistry.FilingStatus.Approved,
            type(uint48).max,
            type(uint48).max,
            type(uint64).max,
            type(uint88).max
        );
        same(word.validAfter(), type(uint48).max, "start");
        same(word.validUntil(), type(uint48).max, "end");
        same(word.sequence(), type(uint64).max, "sequence");
        same(word.tag(), type(uint88).max, "tag");
        TrancheWord tranche = packTranche(type(uint96).max, type(uint96).max, FilingKey.wrap(type(uint64).max));
        same(tranche.cap(), type(uint96).max, "cap");
        same(tranche.issued(), type(uint96).max, "issued");
        same(FilingKey.unwrap(tranche.key()), type(uint64).max, "key");
    }

    function testFuzz_key_and_tag_are_the_ends_of_their_hashes(bytes32 filing, bytes32 digest) external pure {
        same(FilingKey.unwrap(filingKey(filing)), uint256(filing) >> 192, "the first eight bytes");
        same(digestTag(digest), uint256(digest) & ((1 << 88) - 1), "the last eleven bytes");
    }
}
