//! AD structures: the length, kind and data that every advertisement is made of.
//!
//! ```text
//! | bytes | what                                            |
//! |-------|-------------------------------------------------|
//! | 1     | length of kind and data; 0 ends the advertisement |
//! | 1     | kind ("AD type")                                |
//! | n     | data                                            |
//! ```
//! Source: Bluetooth Core Specification, Vol 3, Part C, section 11; kinds: Assigned Numbers, section 2.3.
//! What is absent on purpose: what the data mean, which is the parent's subject.

use super::AdvertError;

/// The kinds of AD structures that are decoded here.
pub mod kind {
    /// Discoverability and capabilities.
    pub const FLAGS: u8 = 0x01;
    /// Some services, with UUIDs of 2 bytes.
    pub const SERVICES_16_MORE: u8 = 0x02;
    /// All services with UUIDs of 2 bytes.
    pub const SERVICES_16: u8 = 0x03;
    /// Some services, with UUIDs of 4 bytes.
    pub const SERVICES_32_MORE: u8 = 0x04;
    /// All services with UUIDs of 4 bytes.
    pub const SERVICES_32: u8 = 0x05;
    /// Some services, with UUIDs of 16 bytes.
    pub const SERVICES_128_MORE: u8 = 0x06;
    /// All services with UUIDs of 16 bytes.
    pub const SERVICES_128: u8 = 0x07;
    /// The beginning of the device's name.
    pub const NAME_SHORT: u8 = 0x08;
    /// The device's name.
    pub const NAME: u8 = 0x09;
    /// Transmit power.
    pub const TX_POWER: u8 = 0x0a;
    /// Data of a service with a UUID of 2 bytes.
    pub const SERVICE_DATA_16: u8 = 0x16;
    /// Data of a manufacturer.
    pub const MANUFACTURER: u8 = 0xff;
}

/// One AD structure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Structure<'a> {
    /// The AD type.
    pub kind: u8,
    /// What follows it.
    pub data: &'a [u8],
}

/// The AD structures of an advertisement, in order.
///
/// Ends at the end of the data, at a length of 0 (what follows must be zeros: padding), and after an overrun.
#[derive(Clone, Debug)]
pub struct Structures<'a> {
    left: &'a [u8],
}

impl<'a> Structures<'a> {
    /// The structures of `advertisement`.
    pub fn new(advertisement: &'a [u8]) -> Self {
        Self { left: advertisement }
    }
}

impl<'a> Iterator for Structures<'a> {
    type Item = Result<Structure<'a>, AdvertError>;

    fn next(&mut self) -> Option<Self::Item> {
        let (&len, left) = self.left.split_first()?;
        let len = usize::from(len);
        let Some((structure, rest)) = left.split_at_checked(len) else {
            self.left = &[];
            return Some(Err(AdvertError::Overrun { len, left: left.len() }));
        };
        self.left = rest;
        match structure.split_first() {
            Some((&kind, data)) => Some(Ok(Structure { kind, data })),
            None => self.end(),
        }
    }
}

impl Structures<'_> {
    /// A length of 0 ends the advertisement early; only padding may follow.
    fn end(&mut self) -> Option<<Self as Iterator>::Item> {
        let padding = core::mem::take(&mut self.left);
        let clean = padding.iter().all(|&byte| byte == 0);
        (!clean).then_some(Err(AdvertError::AfterEnd { len: padding.len() }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(bytes: &[u8], expected: &[Result<(u8, &[u8]), AdvertError>]) {
        let found = Structures::new(bytes).map(|one| one.map(|Structure { kind, data }| (kind, data)));
        assert!(found.eq(expected.iter().copied()), "{bytes:02x?}");
    }

    #[test]
    fn structures_end_where_the_specification_says() {
        check(&[], &[]);
        check(&[0], &[]);
        check(&[1, 9], &[Ok((9, &[]))]);
        check(&[2, 1, 6, 0, 0, 0], &[Ok((1, &[6]))]);
        check(
            &[2, 1, 6, 0, 2, 1, 6],
            &[Ok((1, &[6])), Err(AdvertError::AfterEnd { len: 3 })],
        );
        check(
            &[2, 1, 6, 2, 1],
            &[Ok((1, &[6])), Err(AdvertError::Overrun { len: 2, left: 1 })],
        );
        check(&[255], &[Err(AdvertError::Overrun { len: 255, left: 0 })]);
    }

    #[test]
    fn a_structure_may_have_255_bytes() {
        let mut bytes = [7; 256];
        bytes[0] = 255;
        check(&bytes, &[Ok((7, &[7; 254]))]);
    }
}
