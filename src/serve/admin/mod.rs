//! What operators and other staff may ask and change, over HTTPS.
//!
//! Reading order: [`routes`] is the table of roles and routes, [`audit`] what is noted of a change, `changing` the one
//! way to one, `answering` how a request is answered, `person` what the privacy officer does. Deliberately absent: sockets
//! and TLS, which are `super::http`'s.

mod answering;
pub mod audit;
mod changing;
mod person;
pub mod routes;

pub(super) use self::answering::{Door, LONG_ANSWERS_MAX, answer, request_bytes_max};
