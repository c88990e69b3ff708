// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IFilingRegistry} from "../IFilingRegistry.sol";

/**
 * @title IFilingAdapter
 * @notice Stands in a tranche where its token would stand, so that a token which knows nothing of filings passes the
 * gate.
 * @dev A tranche of an approval names the adapter's address as its token. The adapter alone draws on the registry, and
 * only for mints of the one token that it was deployed for. Whoever signs an approval must look at {token}, at the
 * adapter's code, and at who else can mint that token: an adapter sees only the mints that are led through it.
 */
interface IFilingAdapter {
    /**
     * @notice The address is not a filing registry.
     * @param account Address given at deployment.
     */
    error NotAFilingRegistry(address account);

    /**
     * @notice The token has other decimals than when the adapter was deployed, so that no cap means what it meant.
     * @param deployed Decimals at deployment.
     * @param actual Decimals now.
     */
    error DecimalsChanged(uint8 deployed, uint8 actual);

    /**
     * @notice The token's supply is not what the mints that passed the gate account for: something was minted beside
     * it.
     * @param expected Largest supply that is accounted for.
     * @param actual Supply that the token reports.
     */
    error UngatedSupply(uint256 expected, uint256 actual);

    /**
     * @notice The registry that decides whether the token may be minted.
     * @return Address of the registry; it never changes.
     */
    function registry() external view returns (IFilingRegistry);

    /**
     * @notice The token whose mints this adapter leads through the registry.
     * @return Address of the token; it never changes.
     */
    function token() external view returns (address);

    /**
     * @notice Decimals of the token, which an approval must state. Fails if they are not those of the deployment any
     * more, so that no further approval can name the adapter.
     * @return The decimals.
     */
    function decimals() external view returns (uint8);

    /**
     * @notice The filing that the adapter belongs to.
     * @return Hash of the filing number, zero before the first approval that names the adapter.
     */
    function filing() external view returns (bytes32);
}
