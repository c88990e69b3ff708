// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {AccessControl} from "@openzeppelin/contracts/access/AccessControl.sol";
import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {Pausable} from "@openzeppelin/contracts/utils/Pausable.sol";
import {IERC7943Fungible} from "./interfaces/IERC7943.sol";
import {ITransferControl} from "./interfaces/ITransferControl.sol";

/**
 * @title TransferControl
 * @notice Mix-in for an ERC-20: an allow-list or none, frozen amounts, a pause, and forced transfers (ERC-7943).
 * @dev The checks stand in `_update` and so hold for every way in which tokens move. {canTransfer} asks the same
 * questions. A mint asks only whether the receiver may receive.
 *
 * What it does NOT do: it does not decide about minting, nor who holds the roles. A forced transfer passes the pause
 * and the sender's side of all rules, but gives only to accounts that may receive, and never creates tokens.
 */
abstract contract TransferControl is ITransferControl, ERC20, AccessControl, Pausable {
    /// @notice Role that may pause.
    bytes32 public constant PAUSER_ROLE = keccak256("PAUSER_ROLE");

    /// @notice Role that keeps the allow-list.
    bytes32 public constant ALLOWLIST_ROLE = keccak256("ALLOWLIST_ROLE");

    /// @notice Role that may freeze amounts.
    bytes32 public constant FREEZER_ROLE = keccak256("FREEZER_ROLE");

    /// @notice Role that may force transfers.
    bytes32 public constant ENFORCER_ROLE = keccak256("ENFORCER_ROLE");

    /// @dev Bounds the loop over accounts.
    uint256 private constant MAX_ACCOUNTS = 256;

    bool private immutable _permissioned;

    mapping(address account => bool) private _allowed;
    mapping(address account => uint256) private _frozen;

    /**
     * @dev Chooses for good whether there is an allow-list.
     * @param permissioned_ True: only accounts on the list may send and receive. False: all may.
     */
    constructor(bool permissioned_) {
        _permissioned = permissioned_;
    }

    /// @inheritdoc ITransferControl
    function setAllowed(address[] calldata accounts, bool allowed) external onlyRole(ALLOWLIST_ROLE) {
        require(_permissioned, NoAllowList());
        require(accounts.length <= MAX_ACCOUNTS, TooManyAccounts(accounts.length, MAX_ACCOUNTS));
        for (uint256 i = 0; i < accounts.length; ++i) {
            _allowed[accounts[i]] = allowed;
            emit AllowedChanged(accounts[i], allowed);
        }
    }

    /// @inheritdoc ITransferControl
    function pause() external onlyRole(PAUSER_ROLE) {
        _pause();
    }

    /// @inheritdoc ITransferControl
    function unpause() external onlyRole(PAUSER_ROLE) {
        _unpause();
    }

    /**
     * @inheritdoc IERC7943Fungible
     * @dev Requirements:
     *
     * - the sender has the freezer role.
     *
     * Emits a {Frozen} event.
     */
    function setFrozenTokens(address account, uint256 amount) external onlyRole(FREEZER_ROLE) returns (bool result) {
        _setFrozen(account, amount);
        return true;
    }

    /**
     * @inheritdoc IERC7943Fungible
     * @dev Unfrozen tokens go first; as far as frozen ones have to go, the frozen amount falls.
     *
     * Requirements:
     *
     * - the sender has the enforcer role;
     * - `from` and `to` are two accounts, neither of them zero, and `to` may receive;
     * - `from` holds `amount`.
     *
     * Emits a {Frozen} event if the frozen amount falls, a {IERC20-Transfer} and a {ForcedTransfer} event.
     */
    function forcedTransfer(
        address from,
        address to,
        uint256 amount
    ) external onlyRole(ENFORCER_ROLE) returns (bool result) {
        // From zero would be a mint and to zero a burn.
        require(from != address(0), ERC20InvalidSender(from));
        require(to != from, ForcedTransferToSelf(from));
        require(canReceive(to), ERC7943CannotReceive(to));
        uint256 balance = balanceOf(from);
        require(amount <= balance, ERC20InsufficientBalance(from, balance, amount));
        uint256 unfrozen = _unfrozen(from, balance);
        if (amount > unfrozen) {
            _setFrozen(from, _frozen[from] - (amount - unfrozen));
        }
        super._update(from, to, amount);
        emit ForcedTransfer(from, to, amount);
        return true;
    }

    /// @inheritdoc ITransferControl
    function permissioned() external view returns (bool) {
        return _permissioned;
    }

    /// @inheritdoc IERC7943Fungible
    function canSend(address account) public view returns (bool allowed) {
        return account != address(0) && (!_permissioned || _allowed[account]);
    }

    /// @inheritdoc IERC7943Fungible
    function canReceive(address account) public view returns (bool allowed) {
        return canSend(account);
    }

    /// @inheritdoc IERC7943Fungible
    function getFrozenTokens(address account) external view returns (uint256 amount) {
        return _frozen[account];
    }

    /// @inheritdoc IERC7943Fungible
    function canTransfer(address from, address to, uint256 amount) external view returns (bool allowed) {
        if (paused() || !canSend(from) || !canReceive(to)) {
            return false;
        }
        // Whether the balance is enough is the ERC-20's own question, unless part of it is frozen.
        return _frozen[from] == 0 || amount <= _unfrozen(from, balanceOf(from));
    }

    /**
     * @dev Asks the rules before tokens move.
     * @param from Holder who gives, zero for a mint.
     * @param to Holder who receives, zero for a burn.
     * @param value Amount in base units.
     */
    function _update(address from, address to, uint256 value) internal virtual override {
        if (from != address(0)) {
            _requireNotPaused();
            require(canSend(from), ERC7943CannotSend(from));
            uint256 balance = balanceOf(from);
            uint256 unfrozen = _unfrozen(from, balance);
            // More than the balance is refused by the base token, with its own error.
            require(
                value <= unfrozen || value > balance,
                ERC7943InsufficientUnfrozenBalance(from, value, unfrozen)
            );
        }
        // Not `canReceive`: the base token has refused the zero address, unless this is a burn.
        if (_permissioned) {
            require(to == address(0) || _allowed[to], ERC7943CannotReceive(to));
        }
        super._update(from, to, value);
    }

    /**
     * @dev Reverts unless all accounts may receive. Their number is for the caller to bound.
     * @param accounts The accounts, none of them zero.
     */
    function _requireReceivers(address[] calldata accounts) internal view {
        if (_permissioned) {
            for (uint256 i = 0; i < accounts.length; ++i) {
                require(_allowed[accounts[i]], ERC7943CannotReceive(accounts[i]));
            }
        }
    }

    function _setFrozen(address account, uint256 amount) private {
        _frozen[account] = amount;
        emit Frozen(account, amount);
    }

    /// @dev How much of `balance` is not frozen.
    function _unfrozen(address account, uint256 balance) private view returns (uint256) {
        uint256 frozen = _frozen[account];
        // Cannot underflow: checked in the same line.
        unchecked {
            return frozen < balance ? balance - frozen : 0;
        }
    }
}
