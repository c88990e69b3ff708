// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ICmtatRule} from "./ICmtatRule.sol";
import {IFilingAdapter} from "./IFilingAdapter.sol";

/**
 * @title IFilingCmtatRule
 * @notice A rule of CMTAT's RuleEngine that lets the token be minted only inside its filing, and each mint count once
 * however often the token announces it.
 */
interface IFilingCmtatRule is IFilingAdapter, ICmtatRule {
    /// @notice The rule needs an engine.
    error ZeroEngine();

    /**
     * @notice A token announces every mint once or more often.
     * @param given Number of announcements given at deployment.
     * @param maximum Largest number allowed.
     */
    error InvalidCallsPerMint(uint8 given, uint8 maximum);

    /**
     * @notice Only the engine may announce a mint.
     * @param caller Who called.
     */
    error OnlyEngine(address caller);

    /**
     * @notice The mint announced last should have been announced again, and something else was: the token does not
     * announce mints as often as the rule was told, or another token shares the engine.
     * @param expectedAmount Amount that should have been announced again.
     * @param expectedSupply Supply at which it should have been.
     * @param amount Amount that was announced.
     * @param supply Supply that the token reports.
     */
    error AnnouncementMissing(uint256 expectedAmount, uint256 expectedSupply, uint256 amount, uint256 supply);

    /**
     * @notice Who announces mints: the RuleEngine, or the token itself if the rule is its rule engine.
     * @return Its address; it never changes.
     */
    function engine() external view returns (address);

    /**
     * @notice How often the token announces one mint.
     * @return The number; it never changes.
     */
    function callsPerMint() external view returns (uint8);

    /**
     * @notice Largest supply that the mints which passed the rule account for, and how many announcements of the last
     * one are still to come.
     * @return due Amount in base units.
     * @return amount Amount of the last mint.
     * @return callsLeft Number of announcements to come; other than zero between two transactions only if the token
     * announces mints less often than the rule was told.
     */
    function pending() external view returns (uint256 due, uint256 amount, uint8 callsLeft);
}
