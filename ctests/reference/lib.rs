//! Empty on purpose: cargo wants a target in a package that has dependencies.
