//! Who may post: a file with one token in each line, and behind a token the hubs that it may speak for.
//!
//! ```text
//! # every hub
//! 4f0c8c2d9f6e1b7a3d5c8e9f
//! # these two only, by id or alias
//! a81b6b0f72d94c1e8a55 kitchen AC233FC03641
//! ```
//!
//! Only digests are kept and compared, so neither time nor a dump of the memory tells a token.

use ring::digest::{SHA256, digest};
use thiserror::Error;

/// Bytes of the shortest token: less can be tried out.
const TOKEN_LEN_MIN: usize = 16;
/// Tokens of one file.
const TOKENS_MAX: usize = 4_096;

/// The tokens of a file. Nobody has any until a file gives them.
#[derive(Clone, Default)]
pub struct Tokens {
    tokens: Vec<Token>,
}

#[derive(Clone)]
struct Token {
    digest: Vec<u8>,
    hubs: Vec<String>,
}

/// Why a file gives no tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum TokensError {
    /// A token can be tried out.
    #[error("line {line}: a token is expected to have at least {TOKEN_LEN_MIN} bytes")]
    Short {
        /// The line, from 1.
        line: usize,
    },
    /// There are too many.
    #[error("line {line}: a file is expected to have at most {TOKENS_MAX} tokens")]
    TooMany {
        /// The line, from 1.
        line: usize,
    },
    /// There are none.
    #[error("the file has no token; expected one in each line")]
    None,
}

impl Tokens {
    /// Reads a file's text.
    ///
    /// # Errors
    /// [`TokensError`], which names lines and no token.
    pub fn read(text: &str) -> Result<Self, TokensError> {
        let mut tokens = Vec::new();
        for (line, words) in (1..).zip(text.lines()) {
            let mut words = words.split('#').next().unwrap_or_default().split_whitespace();
            let Some(token) = words.next() else { continue };
            if token.len() < TOKEN_LEN_MIN {
                return Err(TokensError::Short { line });
            }
            if tokens.len() >= TOKENS_MAX {
                return Err(TokensError::TooMany { line });
            }
            tokens.push(Token {
                digest: digest(&SHA256, token.as_bytes()).as_ref().to_vec(),
                hubs: words.map(str::to_owned).collect(),
            });
        }
        if tokens.is_empty() {
            return Err(TokensError::None);
        }
        Ok(Self { tokens })
    }

    /// The hubs that a token may speak for, none of them named meaning all; `None`: the token is not among these.
    pub(super) fn hubs(&self, token: &str) -> Option<&[String]> {
        let digest = digest(&SHA256, token.as_bytes());
        let found = self.tokens.iter().find(|token| token.digest == digest.as_ref());
        found.map(|token| token.hubs.as_slice())
    }
}

/// Shows how many there are.
impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Tokens({} of them)", self.tokens.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_speaks_for_the_hubs_behind_it() {
        let tokens = Tokens::read("# all\n0123456789abcdef\n\nfedcba9876543210 kitchen ac233fc03641 # two\n").unwrap();
        assert_eq!(tokens.hubs("0123456789abcdef"), Some(&[][..]));
        assert_eq!(tokens.hubs("fedcba9876543210").map(<[String]>::len), Some(2));
        assert_eq!(tokens.hubs("0123456789abcdee"), None);
        assert!(!format!("{tokens:?}").contains("0123"));
    }

    #[test]
    fn a_token_that_can_be_tried_out_is_refused_with_its_line() {
        assert_eq!(Tokens::read("\nshort\n").unwrap_err(), TokensError::Short { line: 2 });
        assert_eq!(Tokens::read("# nothing\n").unwrap_err(), TokensError::None);
    }
}
