// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {AccessControl} from "@openzeppelin/contracts/access/AccessControl.sol";
import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";
import {IAccessControlEnumerable} from "@openzeppelin/contracts/access/extensions/IAccessControlEnumerable.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {ERC165Checker} from "@openzeppelin/contracts/utils/introspection/ERC165Checker.sol";
import {FilingAdapter} from "./FilingAdapter.sol";
import {IFilingAdapter} from "../interfaces/adapters/IFilingAdapter.sol";
import {IGatedMinter} from "../interfaces/adapters/IGatedMinter.sol";
import {IFilingRegistry} from "../interfaces/IFilingRegistry.sol";

/**
 * @title IMintableToken
 * @notice The one function that the token must have besides ERC-20. A return value, if there is one, is not trusted.
 */
interface IMintableToken {
    /**
     * @notice Mints tokens.
     * @param to The receiver.
     * @param amount Amount in base units.
     */
    function mint(address to, uint256 amount) external;
}

/**
 * @title GatedMinter
 * @notice The gate for a plain ERC-20 that exists already: make this contract its minter, and its only one.
 * @dev WARNING: every other account that can mint the token, its admin, owner or upgrader included, goes past the gate.
 *
 * What it does NOT do: it cannot take the minter role from others, or give its own back (the token's role admin can
 * revoke it); as the owner of an `Ownable` token it would lock up every other right of the owner. It does not burn and
 * never holds tokens. Tokens that report supply or balances falsely in both places are believed.
 */
contract GatedMinter is IGatedMinter, FilingAdapter, AccessControl, ReentrancyGuardTransient {
    /// @notice Role that may mint through this contract.
    bytes32 public constant ISSUER_ROLE = keccak256("ISSUER_ROLE");

    /// @dev Bounds the loops over receivers.
    uint256 private constant MAX_BATCH = 256;

    /**
     * @dev Requirements beside those of {FilingAdapter}: neither `admin` nor `issuer` is zero.
     * @param registry_ The registry.
     * @param token_ The token; it must have `mint(address,uint256)`.
     * @param admin Account that grants and revokes the issuer role.
     * @param issuer Account that may mint.
     */
    constructor(
        IFilingRegistry registry_,
        address token_,
        address admin,
        address issuer
    ) FilingAdapter(registry_, token_) {
        require(admin != address(0), ZeroRoleHolder(DEFAULT_ADMIN_ROLE));
        require(issuer != address(0), ZeroRoleHolder(ISSUER_ROLE));
        _grantRole(DEFAULT_ADMIN_ROLE, admin);
        _grantRole(ISSUER_ROLE, issuer);
    }

    /// @inheritdoc IGatedMinter
    function mint(address to, uint256 amount) external onlyRole(ISSUER_ROLE) nonReentrant {
        _consume(amount);
        _mintExactly(to, amount);
    }

    /// @inheritdoc IGatedMinter
    function mintBatch(
        address[] calldata to,
        uint256[] calldata amounts
    ) external onlyRole(ISSUER_ROLE) nonReentrant {
        require(to.length == amounts.length, BatchLengthMismatch(to.length, amounts.length));
        require(to.length <= MAX_BATCH, BatchTooLong(to.length, MAX_BATCH));
        uint256 total = 0;
        for (uint256 i = 0; i < amounts.length; ++i) {
            // The registry sees the sum only.
            require(amounts[i] != 0, IFilingRegistry.ZeroAmount());
            total += amounts[i];
        }
        _consume(total);
        for (uint256 i = 0; i < to.length; ++i) {
            _mintExactly(to[i], amounts[i]);
        }
    }

    /// @inheritdoc IGatedMinter
    function minterRole(
        bytes32 role
    ) external view returns (bool held, bool enumerable, uint256 members, uint256 admins) {
        address target = token();
        held = IAccessControl(target).hasRole(role, address(this));
        enumerable = ERC165Checker.supportsInterface(target, type(IAccessControlEnumerable).interfaceId);
        if (enumerable) {
            members = IAccessControlEnumerable(target).getRoleMemberCount(role);
            admins = IAccessControlEnumerable(target).getRoleMemberCount(IAccessControl(target).getRoleAdmin(role));
        }
    }

    /**
     * @inheritdoc AccessControl
     * @param interfaceId Identifier of the interface.
     * @return Whether it is implemented.
     */
    function supportsInterface(bytes4 interfaceId) public view override returns (bool) {
        return
            interfaceId == type(IGatedMinter).interfaceId ||
            interfaceId == type(IFilingAdapter).interfaceId ||
            super.supportsInterface(interfaceId);
    }

    /// @dev Mints and checks that the token did that and nothing else.
    function _mintExactly(address to, uint256 amount) private {
        address target = token();
        uint256 supply = _supply() + amount;
        uint256 balance = IERC20(target).balanceOf(to) + amount;
        IMintableToken(target).mint(to, amount);
        uint256 actual = IERC20(target).balanceOf(to);
        require(actual == balance, UnexpectedBalance(to, balance, actual));
        actual = _supply();
        require(actual == supply, UnexpectedSupply(supply, actual));
    }
}
