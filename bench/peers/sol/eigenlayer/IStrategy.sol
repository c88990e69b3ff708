// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @dev Only its address is used here.
interface IStrategy {}
