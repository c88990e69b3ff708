// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {AccessControl} from "@openzeppelin/contracts/access/AccessControl.sol";
import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";
import {FilingGated} from "./FilingGated.sol";
import {IAssetBackedToken} from "./interfaces/IAssetBackedToken.sol";
import {IFilingGated} from "./interfaces/IFilingGated.sol";
import {IFilingRegistry} from "./interfaces/IFilingRegistry.sol";

/**
 * @title AssetBackedToken
 * @notice One tranche: an ERC-20 that its issuer can mint as far as the filing goes, and not beyond.
 * @dev What it does NOT do: it does not say who may hold or receive tokens; it is not upgradeable and cannot be paused
 * (suspending the filing stops minting, transfers go on); burning gives back nothing of the cap; no role can pass the
 * gate, the admin's included.
 */
contract AssetBackedToken is IAssetBackedToken, FilingGated, AccessControl {
    /// @notice Role that may mint.
    bytes32 public constant ISSUER_ROLE = keccak256("ISSUER_ROLE");

    uint8 private immutable _decimals;

    /**
     * @dev Requirements:
     *
     * - `registry_` is a filing registry;
     * - neither `admin` nor `issuer` is zero.
     *
     * @param name_ Name of the token.
     * @param symbol_ Symbol of the token.
     * @param decimals_ Decimals of the token; approvals must state the same.
     * @param registry_ Registry that decides whether the token may be minted.
     * @param admin Account that grants and revokes roles.
     * @param issuer Account that may mint.
     */
    constructor(
        string memory name_,
        string memory symbol_,
        uint8 decimals_,
        IFilingRegistry registry_,
        address admin,
        address issuer
    ) ERC20(name_, symbol_) FilingGated(registry_) {
        require(admin != address(0), ZeroRoleHolder(DEFAULT_ADMIN_ROLE));
        require(issuer != address(0), ZeroRoleHolder(ISSUER_ROLE));
        _decimals = decimals_;
        _grantRole(DEFAULT_ADMIN_ROLE, admin);
        _grantRole(ISSUER_ROLE, issuer);
    }

    /// @inheritdoc IAssetBackedToken
    function mint(address to, uint256 amount) external onlyRole(ISSUER_ROLE) {
        _mint(to, amount);
    }

    /// @inheritdoc IAssetBackedToken
    function mintBatch(address[] calldata to, uint256[] calldata amounts) external onlyRole(ISSUER_ROLE) {
        require(to.length == amounts.length, BatchLengthMismatch(to.length, amounts.length));
        _mintBatch(to, amounts, _sum(amounts));
    }

    /// @inheritdoc IAssetBackedToken
    function burn(uint256 amount) external {
        _burn(_msgSender(), amount);
    }

    /// @inheritdoc ERC20
    function decimals() public view override returns (uint8) {
        return _decimals;
    }

    /// @inheritdoc AccessControl
    function supportsInterface(bytes4 interfaceId) public view virtual override returns (bool) {
        return
            interfaceId == type(IERC20).interfaceId ||
            interfaceId == type(IERC20Metadata).interfaceId ||
            interfaceId == type(IFilingGated).interfaceId ||
            interfaceId == type(IAssetBackedToken).interfaceId ||
            super.supportsInterface(interfaceId);
    }

    function _mintBatch(
        address[] calldata to,
        uint256[] calldata amounts,
        uint256 total
    ) private drawnAtOnce(total) {
        for (uint256 i = 0; i < to.length; ++i) {
            _mint(to[i], amounts[i]);
        }
    }

    function _sum(uint256[] calldata amounts) private pure returns (uint256 total) {
        for (uint256 i = 0; i < amounts.length; ++i) {
            total += amounts[i];
        }
    }
}
