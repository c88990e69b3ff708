// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ERC165} from "@openzeppelin/contracts/utils/introspection/ERC165.sol";
import {IERC165} from "@openzeppelin/contracts/utils/introspection/IERC165.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {FilingAdapter} from "./FilingAdapter.sol";
import {ICmtatRule} from "../interfaces/adapters/ICmtatRule.sol";
import {IFilingAdapter} from "../interfaces/adapters/IFilingAdapter.sol";
import {IFilingCmtatRule} from "../interfaces/adapters/IFilingCmtatRule.sol";
import {IFilingRegistry} from "../interfaces/IFilingRegistry.sol";

/**
 * @title CmtatRule
 * @notice The gate for a CMTAT 3 token: add this rule to its RuleEngine, or make the rule itself its rule engine.
 * @dev CMTAT announces a mint before it takes place, and 3.1.0 announces it twice. At the first announcement the rule
 * draws the amount and notes the supply that will result. The further announcements of the same mint must come at the
 * same supply and with the same amount, as many as the rule was told at deployment; they draw nothing. The count does
 * not end with the transaction: a token that announces less often than the rule was told is refused at its second mint,
 * not served wrongly. At each new mint the supply must not be more than what was drawn for, so that mints past the rule
 * are found out.
 *
 * What it does NOT do: it cannot stop the token's admin from changing the rule engine, or the engine's admin from
 * removing the rule. Announcements that come after the mint are refused (CMTAT's come before). A token that announces
 * more often than the rule was told draws more than it mints. If the engine serves another token too, or lets an
 * account act as one, that one can draw on this token's cap without a mint, or leave the rule waiting for an
 * announcement that never comes: bind one token to an engine, or use the rule without one.
 */
contract CmtatRule is IFilingCmtatRule, FilingAdapter, ERC165 {
    /**
     * @dev What is known of the mint announced last.
     * @param due Supply that results when the mint announced last has taken place; the supply at deployment before
     * that.
     * @param amount Amount of that mint.
     * @param callsLeft How often it will be announced again.
     */
    struct Pending {
        uint152 due;
        uint96 amount;
        uint8 callsLeft;
    }

    /// @notice Code that {detectTransferRestriction} gives for a mint that the registry would refuse.
    uint8 public constant CODE_NOT_ISSUABLE = 230;

    /// @notice ERC-165 id of RuleEngine 3's rule: all functions of {ICmtatRule} and `supportsInterface`.
    bytes4 public constant RULE_INTERFACE_ID = type(ICmtatRule).interfaceId ^ type(IERC165).interfaceId;

    /// @notice ERC-165 id that CMTAT 3 gives its rule engine: four functions of {ICmtatRule}.
    bytes4 public constant RULE_ENGINE_INTERFACE_ID =
        bytes4(keccak256("transferred(address,address,address,uint256)")) ^
            bytes4(keccak256("transferred(address,address,uint256)")) ^
            ICmtatRule.canTransfer.selector ^
            ICmtatRule.canTransferFrom.selector;

    /// @notice ERC-165 id that CMTAT 3 gives its extension of ERC-1404: three functions of {ICmtatRule}.
    bytes4 public constant ERC1404_EXTENSION_INTERFACE_ID =
        ICmtatRule.detectTransferRestriction.selector ^
            ICmtatRule.detectTransferRestrictionFrom.selector ^
            ICmtatRule.messageForTransferRestriction.selector;

    uint8 private constant MAX_CALLS_PER_MINT = 2;
    uint8 private constant CODE_OK = 0;

    address private immutable _engine;
    uint8 private immutable _callsPerMint;

    Pending private _pending;

    /**
     * @dev What the token has been minted so far counts as accounted for: from here on every mint must pass.
     *
     * Requirements beside those of {FilingAdapter}: `engine_` is not zero; `callsPerMint_` is 1 or 2.
     *
     * @param registry_ The registry.
     * @param token_ The CMTAT token.
     * @param engine_ Its RuleEngine, or the token itself if the rule is to be its rule engine.
     * @param callsPerMint_ How often the token announces one mint: 2 for CMTAT 3.1.0. Measure it, do not guess.
     */
    constructor(
        IFilingRegistry registry_,
        address token_,
        address engine_,
        uint8 callsPerMint_
    ) FilingAdapter(registry_, token_) {
        require(engine_ != address(0), ZeroEngine());
        require(
            callsPerMint_ != 0 && callsPerMint_ <= MAX_CALLS_PER_MINT,
            InvalidCallsPerMint(callsPerMint_, MAX_CALLS_PER_MINT)
        );
        _engine = engine_;
        _callsPerMint = callsPerMint_;
        _pending.due = SafeCast.toUint152(_supply());
    }

    /// @inheritdoc ICmtatRule
    function transferred(address, address from, address, uint256 value) external {
        _announced(from, value);
    }

    /// @inheritdoc ICmtatRule
    function transferred(address from, address, uint256 value) external {
        _announced(from, value);
    }

    /// @inheritdoc ICmtatRule
    function canTransfer(address from, address, uint256 value) external view returns (bool) {
        return _restriction(from, value) == CODE_OK;
    }

    /// @inheritdoc ICmtatRule
    function canTransferFrom(address, address from, address, uint256 value) external view returns (bool) {
        return _restriction(from, value) == CODE_OK;
    }

    /// @inheritdoc ICmtatRule
    function detectTransferRestriction(address from, address, uint256 value) external view returns (uint8) {
        return _restriction(from, value);
    }

    /// @inheritdoc ICmtatRule
    function detectTransferRestrictionFrom(
        address,
        address from,
        address,
        uint256 value
    ) external view returns (uint8) {
        return _restriction(from, value);
    }

    /// @inheritdoc ICmtatRule
    function canReturnTransferRestrictionCode(uint8 restrictionCode) external pure returns (bool) {
        return restrictionCode == CODE_NOT_ISSUABLE;
    }

    /// @inheritdoc ICmtatRule
    function messageForTransferRestriction(uint8 restrictionCode) external pure returns (string memory) {
        if (restrictionCode == CODE_NOT_ISSUABLE) {
            return "The token's filing does not allow this amount to be issued now";
        }
        return restrictionCode == CODE_OK ? "No restriction" : "Unknown code";
    }

    /// @inheritdoc IFilingCmtatRule
    function engine() external view returns (address) {
        return _engine;
    }

    /// @inheritdoc IFilingCmtatRule
    function callsPerMint() external view returns (uint8) {
        return _callsPerMint;
    }

    /// @inheritdoc IFilingCmtatRule
    function pending() external view returns (uint256 due, uint256 amount, uint8 callsLeft) {
        return (_pending.due, _pending.amount, _pending.callsLeft);
    }

    /**
     * @inheritdoc ERC165
     * @param interfaceId Identifier of the interface.
     * @return Whether it is implemented.
     */
    function supportsInterface(bytes4 interfaceId) public view override(ERC165, IERC165) returns (bool) {
        return
            interfaceId == RULE_INTERFACE_ID ||
            interfaceId == RULE_ENGINE_INTERFACE_ID ||
            interfaceId == ERC1404_EXTENSION_INTERFACE_ID ||
            interfaceId == type(IFilingAdapter).interfaceId ||
            super.supportsInterface(interfaceId);
    }

    /// @dev Takes an announcement. Only mints of something matter: zero amounts move nothing, and anybody can send
    /// them.
    function _announced(address from, uint256 value) private {
        if (from != address(0) || value == 0) {
            return;
        }
        require(msg.sender == _engine, OnlyEngine(msg.sender));
        Pending memory last = _pending;
        uint256 supply = _supply();
        if (last.callsLeft != 0) {
            require(
                value == last.amount && supply == last.due - last.amount,
                AnnouncementMissing(last.amount, last.due - last.amount, value, supply)
            );
            _pending.callsLeft = last.callsLeft - 1;
            return;
        }
        require(supply <= last.due, UngatedSupply(last.due, supply));
        // An amount that does not fit is more than any cap: the registry refuses it in the next line but one.
        _pending = Pending(SafeCast.toUint152(supply + value), uint96(value), _callsPerMint - 1);
        _consume(value);
    }

    /// @dev Code for a movement of tokens: only mints are ever restricted.
    function _restriction(address from, uint256 value) private view returns (uint8) {
        if (from != address(0) || value == 0) {
            return CODE_OK;
        }
        (bool allowed, ) = registry().canIssue(address(this), value);
        return allowed ? CODE_OK : CODE_NOT_ISSUABLE;
    }
}
