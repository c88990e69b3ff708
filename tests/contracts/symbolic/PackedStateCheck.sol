// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {FilingKey, FilingWord, TrancheWord, packFiling, packTranche} from "../../../contracts/PackedState.sol";
import {IFilingRegistry} from "../../../contracts/interfaces/IFilingRegistry.sol";

/// @dev What is packed into a word comes out of it again, for all values that fit.
contract PackedStateCheck {
    function check_tranche_comesOutAsItWentIn(uint96 cap, uint96 issued, uint64 key) external pure {
        TrancheWord word = packTranche(cap, issued, FilingKey.wrap(key));
        assert(word.cap() == cap);
        assert(word.issued() == issued);
        assert(FilingKey.unwrap(word.key()) == key);
    }

    function check_filing_comesOutAsItWentIn(
        uint8 status,
        uint48 validAfter,
        uint48 validUntil,
        uint64 sequence,
        uint88 tag
    ) external pure {
        if (status > uint8(type(IFilingRegistry.FilingStatus).max)) {
            return;
        }
        FilingWord word = packFiling(
            IFilingRegistry.FilingStatus(status),
            validAfter,
            validUntil,
            sequence,
            tag
        );
        assert(uint8(word.status()) == status);
        assert(word.validAfter() == validAfter);
        assert(word.validUntil() == validUntil);
        assert(word.sequence() == sequence);
        assert(word.tag() == tag);
    }
}
