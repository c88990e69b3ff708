// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC165Checker} from "@openzeppelin/contracts/utils/introspection/ERC165Checker.sol";
import {ICmtatRule} from "../../../../contracts/interfaces/adapters/ICmtatRule.sol";

/// @dev Asks its rule engine as CMTAT 3.1.0 was measured to: before a mint `calls` times (there: twice), with the
/// operator left out; before transfers and burns likewise; not at all before a forced burn. Roles are left away.
contract CmtatDouble is ERC20 {
    ICmtatRule public ruleEngine;
    uint256 public calls;

    constructor(uint256 calls_) ERC20("CMTAT double", "CMTAT") {
        calls = calls_;
    }

    function setRuleEngine(ICmtatRule ruleEngine_) external {
        ruleEngine = ruleEngine_;
    }

    function setCalls(uint256 calls_) external {
        calls = calls_;
    }

    function mint(address to, uint256 value) public {
        _ask(address(0), to, value);
        _mint(to, value);
    }

    function batchMint(address[] calldata to, uint256[] calldata values) external {
        for (uint256 i = 0; i < to.length; ++i) {
            mint(to[i], values[i]);
        }
    }

    function burn(address from, uint256 value) public {
        _ask(from, address(0), value);
        _burn(from, value);
    }

    function forcedBurn(address from, uint256 value) public {
        _burn(from, value);
    }

    /// @dev The same mint again in one transaction, with nothing between that the engine could see.
    function mintBurnMint(address to, uint256 value, bool forced) external {
        mint(to, value);
        if (forced) {
            forcedBurn(to, value);
        } else {
            burn(to, value);
        }
        mint(to, value);
    }

    /// @dev Announces first and mints first, as no CMTAT does.
    function mintThenAsk(address to, uint256 value) external {
        _mint(to, value);
        _ask(address(0), to, value);
    }

    /// @dev Names the operator, as CMTAT from 3.3 does.
    function mintNamingOperator(address to, uint256 value) external {
        for (uint256 i = 0; i < calls; ++i) {
            ruleEngine.transferred(msg.sender, address(0), to, value);
        }
        _mint(to, value);
    }

    function transfer(address to, uint256 value) public override returns (bool) {
        _ask(msg.sender, to, value);
        return super.transfer(to, value);
    }

    function decimals() public pure override returns (uint8) {
        return 6;
    }

    function _ask(address from, address to, uint256 value) private {
        if (address(ruleEngine) != address(0)) {
            for (uint256 i = 0; i < calls; ++i) {
                ruleEngine.transferred(from, to, value);
            }
        }
    }
}

/// @dev Passes on to its rules what a bound token announces, as RuleEngine 3.0.0-rc0 does, and takes only what says
/// that it is a rule. Roles are left away.
contract CmtatEngineDouble {
    bytes4 private constant RULE_INTERFACE_ID = 0x2497d6cb;

    error NotARule(address rule);
    error NotBound(address token);

    ICmtatRule[] private _rules;
    mapping(address token => bool) private _bound;

    function bindToken(address token) external {
        _bound[token] = true;
    }

    function addRule(ICmtatRule rule) external {
        require(ERC165Checker.supportsInterface(address(rule), RULE_INTERFACE_ID), NotARule(address(rule)));
        _rules.push(rule);
    }

    function clearRules() external {
        delete _rules;
    }

    function transferred(address from, address to, uint256 value) external {
        require(_bound[msg.sender], NotBound(msg.sender));
        for (uint256 i = 0; i < _rules.length; ++i) {
            _rules[i].transferred(from, to, value);
        }
    }

    function transferred(address spender, address from, address to, uint256 value) external {
        require(_bound[msg.sender], NotBound(msg.sender));
        for (uint256 i = 0; i < _rules.length; ++i) {
            _rules[i].transferred(spender, from, to, value);
        }
    }
}

/// @dev A rule that lets a mint happen inside another one's announcement.
contract ReentrantRule {
    CmtatDouble private immutable _token;
    uint256 private _left;

    constructor(CmtatDouble token) {
        _token = token;
    }

    function arm(uint256 times) external {
        _left = times;
    }

    function supportsInterface(bytes4 interfaceId) external pure returns (bool) {
        return interfaceId != 0xffffffff;
    }

    function transferred(address from, address to, uint256 value) external {
        if (from == address(0) && _left != 0) {
            --_left;
            _token.mint(to, value);
        }
    }
}
