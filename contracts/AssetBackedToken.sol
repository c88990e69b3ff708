// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {AccessControl} from "@openzeppelin/contracts/access/AccessControl.sol";
import {IERC5267} from "@openzeppelin/contracts/interfaces/IERC5267.sol";
import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";
import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";
import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";
import {FilingGated} from "./FilingGated.sol";
import {TokenDocuments} from "./TokenDocuments.sol";
import {TransferControl} from "./TransferControl.sol";
import {IAssetBackedToken} from "./interfaces/IAssetBackedToken.sol";
import {IERC1643} from "./interfaces/IERC1643.sol";
import {IERC7943Fungible} from "./interfaces/IERC7943.sol";
import {IFilingGated} from "./interfaces/IFilingGated.sol";

/**
 * @title AssetBackedToken
 * @notice One tranche: an ERC-20 that its issuer can mint as far as the filing goes, and not beyond.
 * @dev `FilingGated` decides how much comes into being, `TransferControl` who may hold and move it, `TokenDocuments`
 * keeps references, and here stands who may mint. At deployment only the admin's and the issuer's role are given; the
 * admin gives the others, and can give all of them.
 *
 * What it does NOT do: it is not upgradeable; the pause does not stop minting (suspending the filing does, and only
 * that); burning gives back nothing of the cap; no role can pass the gate, the admin's included.
 */
contract AssetBackedToken is IAssetBackedToken, FilingGated, TransferControl, TokenDocuments, ERC20Permit {
    /// @notice Role that may mint.
    bytes32 public constant ISSUER_ROLE = keccak256("ISSUER_ROLE");

    uint8 private immutable _decimals;
    bytes32 private immutable _trancheId;

    /**
     * @dev Requirements:
     *
     * - `config.registry` is a filing registry;
     * - neither `config.admin` nor `config.issuer` is zero.
     *
     * @param config What the token is made of.
     */
    constructor(
        TokenConfig memory config
    )
        ERC20(config.name, config.symbol)
        ERC20Permit(config.name)
        FilingGated(config.registry)
        TransferControl(config.permissioned)
    {
        require(config.admin != address(0), ZeroRoleHolder(DEFAULT_ADMIN_ROLE));
        require(config.issuer != address(0), ZeroRoleHolder(ISSUER_ROLE));
        _decimals = config.decimals;
        _trancheId = config.trancheId;
        _grantRole(DEFAULT_ADMIN_ROLE, config.admin);
        _grantRole(ISSUER_ROLE, config.issuer);
    }

    /// @inheritdoc IAssetBackedToken
    function mint(address to, uint256 amount) external onlyRole(ISSUER_ROLE) {
        _mint(to, amount);
    }

    /// @inheritdoc IAssetBackedToken
    function mintBatch(address[] calldata to, uint256[] calldata amounts) external onlyRole(ISSUER_ROLE) {
        _requireReceivers(to);
        _mintAll(to, amounts);
    }

    /// @inheritdoc IAssetBackedToken
    function burn(uint256 amount) external {
        _burn(_msgSender(), amount);
    }

    /// @inheritdoc IAssetBackedToken
    function redeem(uint256 amount, bytes32 ref) external {
        _burn(_msgSender(), amount);
        emit Redeemed(_msgSender(), amount, ref);
    }

    /// @inheritdoc IAssetBackedToken
    function trancheId() external view returns (bytes32) {
        return _trancheId;
    }

    /**
     * @notice Decimals of the amounts.
     * @return Set at deployment.
     */
    function decimals() public view override returns (uint8) {
        return _decimals;
    }

    /**
     * @inheritdoc AccessControl
     * @param interfaceId Identifier of the interface.
     * @return Whether it is implemented.
     */
    function supportsInterface(bytes4 interfaceId) public view override returns (bool) {
        return
            interfaceId == type(IERC20).interfaceId ||
            interfaceId == type(IERC20Metadata).interfaceId ||
            interfaceId == type(IERC20Permit).interfaceId ||
            interfaceId == type(IERC5267).interfaceId ||
            interfaceId == type(IERC7943Fungible).interfaceId ||
            interfaceId == type(IERC1643).interfaceId ||
            interfaceId == type(IFilingGated).interfaceId ||
            interfaceId == type(IAssetBackedToken).interfaceId ||
            super.supportsInterface(interfaceId);
    }

    /// @dev The transfer rules first, then the gate.
    function _update(
        address from,
        address to,
        uint256 value
    ) internal override(ERC20, FilingGated, TransferControl) {
        super._update(from, to, value);
    }
}
