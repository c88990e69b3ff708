// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IOracleCommittee} from "./IOracleCommittee.sol";

/**
 * @title IFilingRegistry
 * @notice Which filing covers which tokens, how much of each may be issued, until when, and whether it is suspended.
 * @dev A filing is known by the keccak256 hash of its normalised number in UTF-8. Amounts are base units of the token,
 * times are seconds since 1970.
 */
interface IFilingRegistry {
    /**
     * @notice Where a filing stands.
     * @dev `None`: never approved here. `Approved`: its tokens may be issued inside the window. `Suspended`: they may
     * not, until a quorum resumes it. `Revoked` and `Completed` are final.
     */
    enum FilingStatus {
        None,
        Approved,
        Suspended,
        Revoked,
        Completed
    }

    /**
     * @notice One token of a filing.
     * @param token Address of the token.
     * @param cap Most that may ever be issued, over all time; burning does not give any of it back.
     * @param decimals Decimals that the signers took the cap to have; must be the token's own.
     */
    struct Tranche {
        address token;
        uint256 cap;
        uint8 decimals;
    }

    /**
     * @notice What a quorum signs to let a filing's tokens be issued.
     * @param filing Hash of the filing number.
     * @param tranches Tokens covered, strictly ascending by address; tokens not named keep what they had.
     * @param dossierHash Hash of the issuer's dossier.
     * @param recordHash Hash of the normalised filing record that the signers saw published.
     * @param rulesetHash Hash of the rules that the dossier was evaluated by.
     * @param validAfter First second in which issuing is allowed.
     * @param validUntil First second in which it no longer is.
     * @param sequence One more than the filing's current sequence.
     */
    struct FilingApproval {
        bytes32 filing;
        Tranche[] tranches;
        bytes32 dossierHash;
        bytes32 recordHash;
        bytes32 rulesetHash;
        uint64 validAfter;
        uint64 validUntil;
        uint64 sequence;
    }

    /**
     * @notice What a quorum signs to renew, resume, suspend, revoke or complete a filing.
     * @param filing Hash of the filing number.
     * @param status Status that the filing shall have.
     * @param recordHash Hash of the normalised filing record that the signers saw published.
     * @param validUntil New end of the window when `status` is `Approved`, otherwise zero.
     * @param sequence One more than the filing's current sequence.
     * @param reason Reason code, kept in the event only.
     */
    struct FilingUpdate {
        bytes32 filing;
        FilingStatus status;
        bytes32 recordHash;
        uint64 validUntil;
        uint64 sequence;
        bytes32 reason;
    }

    /**
     * @notice What a single operator signs to suspend a filing at once.
     * @param filing Hash of the filing number.
     * @param sequence The filing's current sequence: the signature is good for no other.
     * @param reason Reason code, kept in the event only.
     */
    struct Suspension {
        bytes32 filing;
        uint64 sequence;
        bytes32 reason;
    }

    /**
     * @notice A quorum approved a filing or renewed its approval.
     * @param filing Hash of the filing number.
     * @param sequence The filing's sequence from now on.
     * @param dossierHash Hash of the issuer's dossier.
     * @param recordHash Hash of the normalised filing record.
     * @param rulesetHash Hash of the rules applied.
     * @param validAfter First second in which issuing is allowed.
     * @param validUntil First second in which it no longer is.
     * @param tranches Tokens named by this approval with their new caps.
     */
    event FilingApproved(
        bytes32 indexed filing,
        uint64 indexed sequence,
        bytes32 dossierHash,
        bytes32 recordHash,
        bytes32 rulesetHash,
        uint64 validAfter,
        uint64 validUntil,
        Tranche[] tranches
    );

    /**
     * @notice A quorum changed a filing's status or the end of its window.
     * @param filing Hash of the filing number.
     * @param sequence The filing's sequence from now on.
     * @param status The filing's status from now on.
     * @param recordHash Hash of the normalised filing record.
     * @param validUntil New end of the window when `status` is `Approved`; otherwise zero, and the window stays.
     * @param reason Reason code.
     */
    event FilingUpdated(
        bytes32 indexed filing,
        uint64 indexed sequence,
        FilingStatus status,
        bytes32 recordHash,
        uint64 validUntil,
        bytes32 reason
    );

    /**
     * @notice One operator suspended a filing.
     * @param filing Hash of the filing number.
     * @param sequence The filing's sequence from now on.
     * @param operator Operator who did it, as sender or as signer.
     * @param reason Reason code.
     */
    event FilingSuspended(
        bytes32 indexed filing,
        uint64 indexed sequence,
        address indexed operator,
        bytes32 reason
    );

    /**
     * @notice A token drew on its cap.
     * @param token Token that is being issued.
     * @param filingKey First eight bytes of the hash of the filing that covers it; no two filings here share them, and
     * {FilingApproved} has the whole hash.
     * @param amount Amount drawn now.
     * @param issued Amount drawn in all, this one included.
     */
    event Issued(address indexed token, uint64 indexed filingKey, uint256 amount, uint256 issued);

    /**
     * @notice The owner named the registry that is to follow this one. Nothing changes here: indexers and user
     * interfaces may show it.
     * @param successor Address of the registry to follow, zero for none.
     */
    event SuccessorAnnounced(address indexed successor);

    /**
     * @notice The longest validity must be more than zero and no more than the limit.
     * @param given Longest validity given at deployment, in seconds.
     * @param limit Largest one allowed, in seconds.
     */
    error InvalidMaxValidity(uint64 given, uint64 limit);

    /**
     * @notice A batch holds at least one approval and no more than the maximum.
     * @param given Number of approvals given.
     * @param maximum Largest number allowed.
     */
    error InvalidBatchSize(uint256 given, uint256 maximum);

    /**
     * @notice A batch has not as many lists of signatures as approvals.
     * @param approvals Number of approvals.
     * @param signatures Number of lists of signatures.
     */
    error SignatureListsMismatch(uint256 approvals, uint256 signatures);

    /// @notice A filing is never the zero hash.
    error ZeroFiling();

    /**
     * @notice The first eight bytes of a filing's hash belong to another filing already.
     * @param filing Filing that was given.
     * @param other Filing that has the key.
     */
    error FilingKeyTaken(bytes32 filing, bytes32 other);

    /**
     * @notice The filing was never approved here.
     * @param filing Filing that was given.
     */
    error UnknownFiling(bytes32 filing);

    /**
     * @notice The message was made for another state of the filing.
     * @param filing Filing it is about.
     * @param given Sequence it carries.
     * @param expected Sequence that it would have to carry now.
     */
    error WrongSequence(bytes32 filing, uint64 given, uint64 expected);

    /**
     * @notice The filing is suspended.
     * @param filing The filing.
     */
    error FilingIsSuspended(bytes32 filing);

    /**
     * @notice The filing has come to its end and nothing changes it any more.
     * @param filing The filing.
     * @param status `Revoked` or `Completed`.
     */
    error FilingIsFinal(bytes32 filing, FilingStatus status);

    /**
     * @notice An update does not lead from the one status to the other.
     * @param filing The filing.
     * @param from Status that it has.
     * @param to Status that the update asks for.
     */
    error InvalidTransition(bytes32 filing, FilingStatus from, FilingStatus to);

    /**
     * @notice The window would hold no second.
     * @param validAfter Start of the window.
     * @param validUntil End of the window.
     */
    error EmptyWindow(uint64 validAfter, uint64 validUntil);

    /**
     * @notice The window would be over already.
     * @param validUntil End of the window.
     * @param timestamp Time of the block.
     */
    error WindowInThePast(uint64 validUntil, uint256 timestamp);

    /**
     * @notice The window would end too late.
     * @param validUntil End of the window.
     * @param latest Latest end allowed now.
     */
    error WindowTooLong(uint64 validUntil, uint256 latest);

    /**
     * @notice An update to a status other than `Approved` carries no end of the window.
     * @param filing The filing.
     * @param validUntil The end that was given and must be zero.
     */
    error UnexpectedValidUntil(bytes32 filing, uint64 validUntil);

    /**
     * @notice An approval names at least one tranche and no more than the maximum.
     * @param given Number of tranches given.
     * @param maximum Largest number allowed.
     */
    error InvalidTrancheCount(uint256 given, uint256 maximum);

    /**
     * @notice Tranches must come in strictly ascending order of their tokens, and no token is zero.
     * @param index Position of the first tranche out of order.
     * @param previous Token of the tranche before it, zero for the first one.
     * @param token Token of the tranche at `index`.
     */
    error TranchesNotAscending(uint256 index, address previous, address token);

    /**
     * @notice The address has no code, or its `decimals()` gives no number from 0 to 255.
     * @param token The address.
     */
    error DecimalsUnreadable(address token);

    /**
     * @notice The signers took the token to have other decimals than it has.
     * @param token The token.
     * @param given Decimals in the approval.
     * @param actual Decimals of the token.
     */
    error DecimalsMismatch(address token, uint8 given, uint8 actual);

    /**
     * @notice A tranche's cap is zero.
     * @param token The token.
     */
    error ZeroCap(address token);

    /**
     * @notice A tranche's cap does not fit the registry's account of it.
     * @param token The token.
     * @param cap Cap in the approval.
     * @param maximum Largest cap allowed.
     */
    error CapTooLarge(address token, uint256 cap, uint256 maximum);

    /**
     * @notice A token belongs to one filing for ever.
     * @param token The token.
     * @param filing Filing that it belongs to.
     */
    error TokenBoundToAnotherFiling(address token, bytes32 filing);

    /**
     * @notice A cap cannot be set below what has been issued.
     * @param token The token.
     * @param cap Cap in the approval.
     * @param issued Amount issued so far.
     */
    error CapBelowIssued(address token, uint256 cap, uint256 issued);

    /// @notice Issuing nothing is refused, so that every {Issued} event stands for an issuance.
    error ZeroAmount();

    /**
     * @notice No filing covers the token.
     * @param token The token, or whoever called in its place.
     */
    error TokenNotApproved(address token);

    /**
     * @notice The window has not opened yet.
     * @param filing The filing.
     * @param validAfter First second in which issuing is allowed.
     * @param timestamp Time of the block.
     */
    error FilingNotStarted(bytes32 filing, uint64 validAfter, uint256 timestamp);

    /**
     * @notice The window is over.
     * @param filing The filing.
     * @param validUntil First second in which issuing was no longer allowed.
     * @param timestamp Time of the block.
     */
    error FilingExpired(bytes32 filing, uint64 validUntil, uint256 timestamp);

    /**
     * @notice More was asked for than is left under the cap.
     * @param token The token.
     * @param requested Amount asked for.
     * @param remaining Amount left.
     */
    error CapExceeded(address token, uint256 requested, uint256 remaining);

    /**
     * @notice Approves a filing, or approves it anew with other caps or another window. Anybody may submit it.
     * @dev The approval that was applied last may be submitted again by anybody: it returns without doing anything, so
     * that being overtaken by another submitter harms nobody.
     *
     * Requirements:
     *
     * - `approval.sequence` is one more than the filing's;
     * - the filing is new or `Approved`: an approval never lifts a suspension and never follows the end of a filing;
     * - `validAfter < validUntil`, and `validUntil` is later than now and at most {maxValidity} from now;
     * - 1 to 32 tranches, strictly ascending by token; each token has the decimals stated and belongs to no other
     *   filing; each cap is more than zero, fits 96 bits and is not below what has been issued;
     * - a quorum has signed {approvalDigest}.
     *
     * Emits a {FilingApproved} event.
     *
     * @param approval What was signed.
     * @param signatures Exactly threshold signatures, strictly ascending by operator.
     */
    function approve(
        FilingApproval calldata approval,
        IOracleCommittee.OperatorSignature[] calldata signatures
    ) external;

    /**
     * @notice Approves several filings, or one filing several times over, in one transaction. Anybody may submit it.
     * @dev Each approval is treated as by {approve}, in the order given: one that was applied last is passed over, and
     * one that is refused makes the whole call fail with its error.
     *
     * Requirements:
     *
     * - 1 to 32 approvals, and as many lists of signatures;
     * - each approval with its signatures meets what {approve} requires.
     *
     * Emits a {FilingApproved} event for each approval applied.
     *
     * @param approvals What was signed.
     * @param signatures For each approval its signatures.
     */
    function approveBatch(
        FilingApproval[] calldata approvals,
        IOracleCommittee.OperatorSignature[][] calldata signatures
    ) external;

    /**
     * @notice Renews, resumes, suspends, revokes or completes a filing. Anybody may submit it.
     * @dev The update that was applied last may be submitted again by anybody: it returns without doing anything.
     *
     * Requirements:
     *
     * - the filing is known and not final;
     * - `change.sequence` is one more than the filing's;
     * - from `Approved` to any status but `None`; from `Suspended` to `Approved`, `Revoked` or `Completed`;
     * - for `Approved`, `validUntil` is later than the start of the window and than now, and at most {maxValidity} from
     *   now; for any other status it is zero, and the window stays as it was;
     * - a quorum has signed {updateDigest}.
     *
     * Emits a {FilingUpdated} event.
     *
     * @param change What was signed.
     * @param signatures Exactly threshold signatures, strictly ascending by operator.
     */
    function update(
        FilingUpdate calldata change,
        IOracleCommittee.OperatorSignature[] calldata signatures
    ) external;

    /**
     * @notice Suspends a filing at once. Any one operator may.
     * @dev The filing's sequence grows by one, so that nothing signed before can lift the suspension. A filing that is
     * suspended already stays as it is and no event is emitted.
     *
     * Requirements:
     *
     * - the sender is a current operator;
     * - the filing is `Approved` or `Suspended`.
     *
     * Emits a {FilingSuspended} event.
     *
     * @param filing Hash of the filing number.
     * @param reason Reason code, kept in the event only.
     */
    function suspend(bytes32 filing, bytes32 reason) external;

    /**
     * @notice Suspends a filing at once by one operator's signature. Anybody may submit it.
     * @dev As {suspend}. The signature is good only while the filing's sequence is the signed one, so that it cannot be
     * used again after a resumption.
     *
     * Requirements:
     *
     * - an operator whose signature counts now, a current or a retained one, has signed {suspensionDigest};
     * - the filing is `Suspended`, or it is `Approved` and its sequence is `s.sequence`.
     *
     * Emits a {FilingSuspended} event.
     *
     * @param s What was signed.
     * @param signature The operator and its signature.
     */
    function suspendBySig(
        Suspension calldata s,
        IOracleCommittee.OperatorSignature calldata signature
    ) external;

    /**
     * @notice Draws on the sender's own cap. A token calls this before it issues.
     * @dev Requirements:
     *
     * - the sender is a token of a filing, `amount` is more than zero and no more than what is left under the cap;
     * - the filing is `Approved` and now is inside its window, the start included and the end not.
     *
     * Emits an {Issued} event.
     *
     * @param amount Amount in base units.
     */
    function consume(uint256 amount) external;

    /**
     * @notice Names the registry that is to follow this one, for indexers and user interfaces only.
     * @dev Requirements:
     *
     * - the sender is the owner.
     *
     * Emits a {SuccessorAnnounced} event.
     *
     * @param newSuccessor Address of the registry to follow, zero to take it back.
     */
    function announceSuccessor(address newSuccessor) external;

    /**
     * @notice Whether a token could issue an amount in this block.
     * @param token The token.
     * @param amount Amount in base units.
     * @return allowed True if {consume} by the token would pass.
     * @return reason Zero if allowed, otherwise the selector of the error that {consume} would give.
     */
    function canIssue(address token, uint256 amount) external view returns (bool allowed, bytes4 reason);

    /**
     * @notice The filing that a token belongs to.
     * @param token The token.
     * @return filing Hash of the filing number, zero if none.
     */
    function filingOf(address token) external view returns (bytes32 filing);

    /**
     * @notice Where a filing stands.
     * @param filing Hash of the filing number.
     * @return status Its status; `Approved` says nothing about the window.
     * @return validAfter First second in which issuing is allowed.
     * @return validUntil First second in which it no longer is.
     * @return sequence Its sequence, zero if unknown.
     */
    function filingState(
        bytes32 filing
    ) external view returns (FilingStatus status, uint64 validAfter, uint64 validUntil, uint64 sequence);

    /**
     * @notice Where a token stands.
     * @param token The token.
     * @return filing Filing that it belongs to, zero if none.
     * @return cap Most that may ever be issued.
     * @return issued Amount issued so far.
     */
    function trancheState(address token) external view returns (bytes32 filing, uint256 cap, uint256 issued);

    /**
     * @notice The registry that is to follow this one. It has no effect here.
     * @return Its address, zero if none is named.
     */
    function successor() external view returns (address);

    /**
     * @notice Longest time from now that a window may end.
     * @return Seconds.
     */
    function maxValidity() external view returns (uint64);

    /**
     * @notice What an operator signs for an approval.
     * @param approval The approval.
     * @return EIP-712 digest for this contract on this chain.
     */
    function approvalDigest(FilingApproval calldata approval) external view returns (bytes32);

    /**
     * @notice What an operator signs for an update.
     * @param change The update.
     * @return EIP-712 digest for this contract on this chain.
     */
    function updateDigest(FilingUpdate calldata change) external view returns (bytes32);

    /**
     * @notice What an operator signs for a suspension.
     * @param s The suspension.
     * @return EIP-712 digest for this contract on this chain.
     */
    function suspensionDigest(Suspension calldata s) external view returns (bytes32);
}
