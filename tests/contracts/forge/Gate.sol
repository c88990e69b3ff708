// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Signers} from "./Signers.sol";
import {AssetBackedToken} from "../../../contracts/AssetBackedToken.sol";
import {FilingRegistry} from "../../../contracts/FilingRegistry.sol";
import {IAssetBackedToken} from "../../../contracts/interfaces/IAssetBackedToken.sol";
import {IFilingRegistry} from "../../../contracts/interfaces/IFilingRegistry.sol";
import {IOracleCommittee} from "../../../contracts/interfaces/IOracleCommittee.sol";

/// @dev A registry of five operators, of whom three must sign, and what is needed to approve and to mint.
abstract contract Gate is Signers {
    uint64 internal constant DELAY = 3 days;
    uint64 internal constant RETENTION = 7 days;
    uint64 internal constant MAX_VALIDITY = 90 days;
    bytes32 internal constant FILING = keccak256("the filing");

    address internal constant OWNER = address(0xA0);
    address internal constant ISSUER = address(0xA1);
    address internal constant ALICE = address(0xB1);
    address internal constant BOB = address(0xB2);

    FilingRegistry internal registry;

    function _openGate() internal {
        vm.warp(1_800_000_000);
        _makePool(9);
        registry = new FilingRegistry(_committee(5, 3), MAX_VALIDITY);
    }

    function _committee(
        uint256 operators,
        uint256 threshold
    ) internal view returns (IOracleCommittee.CommitteeConfig memory) {
        return
            IOracleCommittee.CommitteeConfig(OWNER, _resized(_pool, operators), threshold, DELAY, RETENTION);
    }

    function _config(uint8 decimals, bool permissioned) internal view returns (IAssetBackedToken.TokenConfig memory) {
        return
            IAssetBackedToken.TokenConfig({
                name: "Tranche",
                symbol: "T",
                decimals: decimals,
                admin: OWNER,
                issuer: ISSUER,
                permissioned: permissioned,
                registry: registry,
                trancheId: keccak256("tranche")
            });
    }

    function _token(bool permissioned) internal returns (AssetBackedToken) {
        return new AssetBackedToken(_config(6, permissioned));
    }

    /// @dev An approval of one token that holds from now on for 30 days.
    function _approvalOf(
        bytes32 filing,
        address token,
        uint256 cap,
        uint8 decimals,
        uint64 sequence
    ) internal view returns (IFilingRegistry.FilingApproval memory a) {
        a.filing = filing;
        a.tranches = new IFilingRegistry.Tranche[](1);
        a.tranches[0] = IFilingRegistry.Tranche(token, cap, decimals);
        (a.validAfter, a.validUntil) = (uint64(vm.getBlockTimestamp()), uint64(vm.getBlockTimestamp() + 30 days));
        a.sequence = sequence;
    }

    /// @dev Signatures of the first three of the pool.
    function _signed(bytes32 digest) internal view returns (IOracleCommittee.OperatorSignature[] memory) {
        return _ballot(_resized(_pool, 3), digest).list;
    }

    function _approve(bytes32 filing, address token, uint256 cap, uint8 decimals) internal {
        IFilingRegistry.FilingApproval memory a = _approvalOf(filing, token, cap, decimals, 1);
        registry.approve(a, _signed(registry.approvalDigest(a)));
    }

    function _update(bytes32 filing, IFilingRegistry.FilingStatus status, uint64 validUntil, uint64 sequence) internal {
        IFilingRegistry.FilingUpdate memory change = IFilingRegistry.FilingUpdate(
            filing,
            status,
            0,
            validUntil,
            sequence,
            0
        );
        registry.update(change, _signed(registry.updateDigest(change)));
    }

    function _list(address one) internal pure returns (address[] memory made) {
        made = new address[](1);
        made[0] = one;
    }

    function _list(uint256 one) internal pure returns (uint256[] memory made) {
        made = new uint256[](1);
        made[0] = one;
    }
}
