//! Encrypted telemetry: what an Eddystone-EID beacon says about itself to whoever has its identity key.
//!
//! ```text
//! nonce (6)       = the beacon's clock, its lowest K bits cleared (4, big endian), salt (2)
//! telemetry (12)  = battery, temperature, advertisements and uptime, as in a plain frame
//! EAX             = AES-128 with the identity key, no header, 2 bytes of integrity check
//! ```
//! Source: github.com/google/eddystone, eddystone-tlm/tlm-encrypted.md; EAX: Bellare, Rogaway, Wagner, "The EAX Mode
//! of Operation" (FSE 2004), checked against its test vectors below.
//!
//! The frame names nobody: whoever opens it knows the beacon from the EID frame beside it, sent from the same
//! address. Two bytes of check let a wrong key through once in 65,536, so a key is never looked for with it.

use aes::Aes128Enc;
use aes::cipher::{Array, BlockCipherEncrypt, KeyInit};

use super::eddystone::{EncryptedTlm, Tlm};
use super::ephemeral::Ephemeral;

/// Bytes of telemetry.
const TELEMETRY_LEN: usize = 12;

impl Ephemeral {
    /// Opens telemetry that the beacon sent about when its clock should have shown `time_s`: in that rotation or a
    /// neighbour. `None` for another beacon's, for a damaged frame, and for one that is out of date.
    pub fn open(&self, heard: &EncryptedTlm, time_s: u32) -> Option<Tlm> {
        let rotation_s = self.rotation_s();
        [
            Some(time_s),
            time_s.checked_sub(rotation_s),
            time_s.checked_add(rotation_s),
        ]
        .into_iter()
        .flatten()
        .find_map(|time_s| {
            let eax = Eax::new(self.key().bytes());
            let nonce = self.nonce(time_s, heard.salt);
            let [c1, c0, ..] = eax.check(&nonce, &heard.cipher_text);
            (u16::from_be_bytes([c1, c0]) == heard.check).then(|| {
                let mut telemetry = heard.cipher_text;
                eax.apply(&nonce, &mut telemetry);
                Tlm::from_telemetry(telemetry)
            })
        })
    }

    /// What the beacon sends at `time_s` of its clock.
    pub fn seal(&self, telemetry: &Tlm, time_s: u32, salt: u16) -> EncryptedTlm {
        let eax = Eax::new(self.key().bytes());
        let nonce = self.nonce(time_s, salt);
        let mut cipher_text: [u8; TELEMETRY_LEN] = telemetry.telemetry();
        eax.apply(&nonce, &mut cipher_text);
        let [c1, c0, ..] = eax.check(&nonce, &cipher_text);
        EncryptedTlm {
            cipher_text,
            salt,
            check: u16::from_be_bytes([c1, c0]),
        }
    }

    fn nonce(&self, time_s: u32, salt: u16) -> [u8; 6] {
        let [t3, t2, t1, t0] = (time_s & !(self.rotation_s() - 1)).to_be_bytes();
        let [s1, s0] = salt.to_be_bytes();
        [t3, t2, t1, t0, s1, s0]
    }
}

/// The mode EAX without a header.
struct Eax(Aes128Enc);

impl Eax {
    fn new(key: &[u8; 16]) -> Self {
        Self(Aes128Enc::new(&Array::from(*key)))
    }

    /// The integrity check of a cipher text, in full.
    fn check(&self, nonce: &[u8], cipher_text: &[u8]) -> [u8; 16] {
        self.check_with_header(nonce, &[], cipher_text)
    }

    fn check_with_header(&self, nonce: &[u8], header: &[u8], cipher_text: &[u8]) -> [u8; 16] {
        let (nonce, header, text) = (self.omac(0, nonce), self.omac(1, header), self.omac(2, cipher_text));
        xor(xor(nonce, header), text)
    }

    /// Encrypts or decrypts: counter mode from the nonce's OMAC.
    fn apply(&self, nonce: &[u8], text: &mut [u8]) {
        let mut counter = u128::from_be_bytes(self.omac(0, nonce));
        for block in text.chunks_mut(16) {
            let key_stream = self.encrypt(counter.to_be_bytes());
            block.iter_mut().zip(key_stream).for_each(|(byte, key)| *byte ^= key);
            counter = counter.wrapping_add(1);
        }
    }

    /// OMAC (CMAC) of 15 zeros, `tweak` and `message`.
    fn omac(&self, tweak: u8, message: &[u8]) -> [u8; 16] {
        let doubled = double(self.encrypt([0; 16]));
        let mut first = [0; 16];
        first[15] = tweak;
        let Some(whole_len) = message.len().checked_sub(1).map(|len| len / 16 * 16) else {
            return self.encrypt(xor(first, doubled));
        };
        let (whole, last) = message.split_at(whole_len);
        let chained = whole
            .as_chunks::<16>()
            .0
            .iter()
            .fold(self.encrypt(first), |chained, block| self.encrypt(xor(chained, *block)));
        let mut block = [0; 16];
        super::fill_start(&mut block, last);
        let mask = match block.get_mut(last.len()) {
            None => doubled,
            Some(padding) => {
                *padding = 0x80;
                double(doubled)
            }
        };
        self.encrypt(xor(xor(block, mask), chained))
    }

    fn encrypt(&self, block: [u8; 16]) -> [u8; 16] {
        let mut block = Array::from(block);
        self.0.encrypt_block(&mut block);
        block.into()
    }
}

fn xor(one: [u8; 16], other: [u8; 16]) -> [u8; 16] {
    (u128::from_be_bytes(one) ^ u128::from_be_bytes(other)).to_be_bytes()
}

/// Times x in the field of 2^128 elements, modulo x^128 + x^7 + x^2 + x + 1.
fn double(block: [u8; 16]) -> [u8; 16] {
    let number = u128::from_be_bytes(block);
    ((number << 1) ^ ((number >> 127) * 0x87)).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;
    use crate::advert::ephemeral::IdentityKey;

    /// Message, key, nonce, header, cipher text with its check: from the paper's appendix.
    const PUBLISHED: [[&str; 5]; 5] = [
        [
            "",
            "233952DEE4D5ED5F9B9C6D6FF80FF478",
            "62EC67F9C3A4A407FCB2A8C49031A8B3",
            "6BFB914FD07EAE6B",
            "E037830E8389F27B025A2D6527E79D01",
        ],
        [
            "F7FB",
            "91945D3F4DCBEE0BF45EF52255F095A4",
            "BECAF043B0A23D843194BA972C66DEBD",
            "FA3BFD4806EB53FA",
            "19DD5C4C9331049D0BDAB0277408F67967E5",
        ],
        [
            "1A47CB4933",
            "01F74AD64077F2E704C0F60ADA3DD523",
            "70C3DB4F0D26368400A10ED05D2BFF5E",
            "234A3463C1264AC6",
            "D851D5BAE03A59F238A23E39199DC9266626C40F80",
        ],
        [
            "40D0C07DA5E4",
            "35B6D0580005BBC12B0587124557D2C2",
            "FDB6B06676EEDC5C61D74276E1F8E816",
            "AEB96EAEBE2970E9",
            "071DFE16C675CB0677E536F73AFE6A14B74EE49844DD",
        ],
        [
            "4DE3B35C3FC039245BD1FB7D",
            "BD8E6E11475E60B268784C38C62FEB22",
            "6EAC5C93072D8E8513F750935E46DA1B",
            "D4482D1CA78DCE0F",
            "835BB4F15D743E350E728414ABB8644FD6CCB86947C5E10590210A4F",
        ],
    ];

    fn hex(text: &str) -> Vec<u8> {
        (0..text.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
            .collect()
    }

    #[test]
    fn eax_agrees_with_the_published_vectors() {
        for [message, key, nonce, header, sealed] in PUBLISHED {
            let eax = Eax::new(&hex(key).try_into().unwrap());
            let mut text = hex(message);
            eax.apply(&hex(nonce), &mut text);
            let check = eax.check_with_header(&hex(nonce), &hex(header), &text);
            text.extend(check);
            assert_eq!(text, hex(sealed), "{message}");
        }
    }

    fn beacon(key: u8) -> Ephemeral {
        Ephemeral::new(IdentityKey::new([key; 16]), 10).unwrap()
    }

    const HOW_IT_IS: Tlm = Tlm {
        battery_mv: Some(2_840),
        temperature_celsius: Some(-3.5),
        advertisements: 5_223,
        uptime_ds: 10_948,
    };

    #[test]
    fn the_owner_reads_what_the_beacon_sealed() {
        for sealed_at_s in [0, 5_000, 5_119, 4_095, 6_143] {
            let sealed = beacon(7).seal(&HOW_IT_IS, sealed_at_s, 0xbeef);
            let expected = (4_096 - 1_024..6_144).contains(&sealed_at_s).then_some(HOW_IT_IS);
            assert_eq!(beacon(7).open(&sealed, 4_500), expected, "{sealed_at_s}");
        }
        let unknown = Tlm {
            battery_mv: None,
            temperature_celsius: None,
            ..HOW_IT_IS
        };
        assert_eq!(beacon(7).open(&beacon(7).seal(&unknown, 9, 0), 9), Some(unknown));
    }

    #[test]
    fn nobody_else_reads_it_and_a_flipped_bit_shows() {
        let sealed = beacon(7).seal(&HOW_IT_IS, 4_500, 1);
        assert_eq!(beacon(8).open(&sealed, 4_500), None);
        for bit in 0..96 {
            let mut damaged = sealed;
            damaged.cipher_text[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(beacon(7).open(&damaged, 4_500), None, "bit {bit}");
        }
        let resalted = EncryptedTlm { salt: 2, ..sealed };
        assert_eq!(beacon(7).open(&resalted, 4_500), None);
    }
}
