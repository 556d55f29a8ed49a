//! stub
/// One effective value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The key, such as `proxy.listen` or `merchants[0].msn`.
    pub path: String,
    /// The value as TOML, secrets masked.
    pub value: String,
    /// `default`, `file …` or `environment …`.
    pub origin: String,
}
