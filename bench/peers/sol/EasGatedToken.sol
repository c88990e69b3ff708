// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// @dev What the token reads of EAS; the order of the fields is the package's.
interface IAttestationSource {
    struct Attestation {
        bytes32 uid;
        bytes32 schema;
        uint64 time;
        uint64 expirationTime;
        uint64 revocationTime;
        bytes32 refUID;
        address recipient;
        address attester;
        bool revocable;
        bytes data;
    }

    function getAttestation(bytes32 uid) external view returns (Attestation memory);
}

/**
 * @dev A token that its owner mints under attestations: as many as the quorum, of attesters that ascend, of one schema,
 * for this token, all of the same data, none expired or revoked. Counts what was minted under that data. EAS has no
 * such gate; this is about the least one that does what ours does.
 */
contract EasGatedToken is ERC20, Ownable {
    error Refused();

    IAttestationSource private immutable _source;
    bytes32 private immutable _schema;
    uint256 private immutable _quorum;

    mapping(address attester => bool) private _attesters;
    mapping(bytes32 dataHash => uint256) private _minted;

    constructor(
        address source,
        bytes32 schema,
        address[] memory attesters,
        uint256 quorum,
        address issuer
    ) ERC20("Attested", "ATT") Ownable(issuer) {
        (_source, _schema, _quorum) = (IAttestationSource(source), schema, quorum);
        for (uint256 i = 0; i < attesters.length; ++i) {
            _attesters[attesters[i]] = true;
        }
    }

    function mint(address to, uint256 amount, bytes32[] calldata uids) external onlyOwner {
        _consume(amount, uids);
        _mint(to, amount);
    }

    function mintBatch(
        address[] calldata to,
        uint256[] calldata amounts,
        bytes32[] calldata uids
    ) external onlyOwner {
        uint256 sum = 0;
        for (uint256 i = 0; i < to.length; ++i) {
            sum += amounts[i];
        }
        _consume(sum, uids);
        for (uint256 i = 0; i < to.length; ++i) {
            _mint(to[i], amounts[i]);
        }
    }

    function _consume(uint256 amount, bytes32[] calldata uids) private {
        require(uids.length == _quorum, Refused());
        address previous = address(0);
        bytes32 dataHash;
        uint256 cap;
        for (uint256 i = 0; i < uids.length; ++i) {
            IAttestationSource.Attestation memory found = _source.getAttestation(uids[i]);
            require(found.attester > previous && _attesters[found.attester], Refused());
            require(found.schema == _schema && found.recipient == address(this), Refused());
            require(found.revocationTime == 0 && block.timestamp < found.expirationTime, Refused());
            bytes32 hashed = keccak256(found.data);
            if (i == 0) {
                uint64 validAfter;
                (, cap, validAfter) = abi.decode(found.data, (bytes32, uint256, uint64));
                require(block.timestamp >= validAfter, Refused());
                dataHash = hashed;
            }
            require(hashed == dataHash, Refused());
            previous = found.attester;
        }
        uint256 minted = _minted[dataHash] + amount;
        require(minted <= cap, Refused());
        _minted[dataHash] = minted;
    }
}
