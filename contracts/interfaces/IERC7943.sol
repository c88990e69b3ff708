// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/**
 * @title IERC7943Fungible
 * @notice The interface of ERC-7943 for ERC-20 tokens: who may send and receive, frozen amounts, forced transfers.
 * @dev Its ERC-165 identifier is 0x3edbb4c4. The standard names the functions, events and errors; the words are ours.
 */
interface IERC7943Fungible {
    /**
     * @notice Tokens were moved without their holder's doing.
     * @param from Holder they were taken from.
     * @param to Holder they were given to.
     * @param amount Amount in base units.
     */
    event ForcedTransfer(address indexed from, address indexed to, uint256 amount);

    /**
     * @notice The frozen amount of an account is now this one.
     * @param account The account.
     * @param amount Amount in base units; it may be more than the account holds.
     */
    event Frozen(address indexed account, uint256 amount);

    /**
     * @notice The account may not send.
     * @param account The account.
     */
    error ERC7943CannotSend(address account);

    /**
     * @notice The account may not receive.
     * @param account The account.
     */
    error ERC7943CannotReceive(address account);

    /**
     * @notice The transfer is not allowed, whoever asks.
     * @param from Who would send.
     * @param to Who would receive.
     * @param amount Amount in base units.
     */
    error ERC7943CannotTransfer(address from, address to, uint256 amount);

    /**
     * @notice The account holds enough, but not enough that is not frozen.
     * @param account The account.
     * @param amount Amount asked for.
     * @param unfrozen Amount that it holds unfrozen.
     */
    error ERC7943InsufficientUnfrozenBalance(address account, uint256 amount, uint256 unfrozen);

    /**
     * @notice Moves tokens without their holder's doing, frozen ones too.
     * @param from Holder to take from.
     * @param to Holder to give to.
     * @param amount Amount in base units.
     * @return result True; it reverts otherwise.
     */
    function forcedTransfer(address from, address to, uint256 amount) external returns (bool result);

    /**
     * @notice Sets how much of what an account holds, now or later, is frozen. It overwrites what was set before.
     * @param account The account.
     * @param amount Amount in base units; it may be more than the account holds.
     * @return result True; it reverts otherwise.
     */
    function setFrozenTokens(address account, uint256 amount) external returns (bool result);

    /**
     * @notice Whether an account may send at all.
     * @param account The account.
     * @return allowed True if it may.
     */
    function canSend(address account) external view returns (bool allowed);

    /**
     * @notice Whether an account may receive at all.
     * @param account The account.
     * @return allowed True if it may.
     */
    function canReceive(address account) external view returns (bool allowed);

    /**
     * @notice How much of what an account holds is frozen.
     * @param account The account.
     * @return amount Amount in base units; it may be more than the account holds.
     */
    function getFrozenTokens(address account) external view returns (uint256 amount);

    /**
     * @notice Whether the token's rules allow a transfer now. Balance and allowance are not asked.
     * @param from Who would send.
     * @param to Who would receive.
     * @param amount Amount in base units.
     * @return allowed True if they do.
     */
    function canTransfer(address from, address to, uint256 amount) external view returns (bool allowed);
}
