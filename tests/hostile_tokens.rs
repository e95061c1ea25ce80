//! Everything that somebody may hold out for a token (RFC 8725 and what else is known of such attacks): refused at the
//! door, with its code, counted once, and nobody else notices.
//!
//! A token is looked at in the order length, form, signature, header, claims, list. So what does not look like a token
//! costs a scan of 1,024 bytes at most, some microseconds, and no cryptography; what looks like one and is not signed by
//! us costs two checks of a signature at most, and ends its connection.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at the first surprise"
)]

#[expect(dead_code, reason = "this test uses a part of the house")]
mod house;
#[expect(dead_code, reason = "this test only counts")]
#[path = "house/raw.rs"]
mod raw;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD};
use house::{House, food};
use nextbest::serve::access::admin_tokens::AdminRole;
use nextbest::serve::access::changes::{finish_rotation, make_admin_token, revoke, rotate};
use nextbest::serve::access::revoked::Revocation;
use nextbest::serve::clock::unix_s;
use nextbest::serve::key_maker::{KeyRequest, make_keys};
use nextbest::serve::keys::KeyFolder;
use nextbest::serve::token::{CUSTOMER_LIFE_S_MAX, Role, SERVICE_LIFE_S_MAX, TokenSigner};
use nextbest_proto::v1::ErrorCode;
use nextbest_proto::v1::ErrorCode::{
    FrameTooLarge, TokenExpired, TokenInvalid, TokenMissing, TokenRevoked, WrongVenue,
};

const HEADER: &str = r#"{"alg":"EdDSA","typ":"JWT"}"#;

/// What is held out, in words and as it is, and the code that refuses it.
type Case = (&'static str, String, ErrorCode);

const fn case(name: &'static str, token: String, code: ErrorCode) -> Case {
    (name, token, code)
}

struct Desk {
    house: House,
    /// Signs as the venue does.
    signer: TokenSigner,
    now: u64,
}

impl Desk {
    fn open() -> Self {
        let house = House::open();
        let signer = house.keys.token_signer().unwrap();
        Self {
            house,
            signer,
            now: unix_s(),
        }
    }

    /// Our signature under a good header and claims of which some are others; empty: left out.
    fn claims(&self, changes: &[(&str, &str)]) -> String {
        self.signer.sign_raw(HEADER, &self.claims_text(changes))
    }

    fn claims_text(&self, changes: &[(&str, &str)]) -> String {
        let good = [
            ("iss", r#""nextbest""#.to_owned()),
            ("aud", r#""hall""#.to_owned()),
            ("sub", r#""ada""#.to_owned()),
            ("role", r#""customer""#.to_owned()),
            ("iat", self.now.to_string()),
            ("exp", (self.now + 600).to_string()),
        ];
        let changed = |name: &str| {
            changes
                .iter()
                .find(|(changed, _)| *changed == name)
                .map(|(_, value)| *value)
        };
        let fields = good.iter().map(|(name, good)| (*name, changed(name).unwrap_or(good)));
        let more = changes
            .iter()
            .copied()
            .filter(|(name, _)| good.iter().all(|(known, _)| known != name));
        let fields = fields.chain(more).filter(|(_, value)| !value.is_empty());
        let fields: Vec<_> = fields.map(|(name, value)| format!(r#""{name}":{value}"#)).collect();
        format!("{{{}}}", fields.join(","))
    }

    /// Our signature under good claims and another header.
    fn header(&self, header: &str) -> String {
        self.signer.sign_raw(header, &self.claims_text(&[]))
    }

    fn good(&self) -> String {
        self.claims(&[])
    }

    /// Good claims under a header and whatever is held out for a signature.
    fn unsigned(&self, header: &str, signature: &str) -> String {
        let claims = URL_SAFE_NO_PAD.encode(self.claims_text(&[]));
        format!("{}.{claims}.{signature}", URL_SAFE_NO_PAD.encode(header))
    }

    fn headers(&self) -> Vec<Case> {
        let long_kid = format!(r#"{{"alg":"EdDSA","kid":"{}"}}"#, "k".repeat(400));
        let none = r#"{"alg":"none","typ":"JWT"}"#;
        let hs256 = r#"{"alg":"HS256","typ":"JWT"}"#;
        vec![
            case("no algorithm, no signature", self.unsigned(none, ""), TokenInvalid),
            case("no algorithm, our signature", self.header(none), TokenInvalid),
            case("None", self.header(r#"{"alg":"None"}"#), TokenInvalid),
            case("nOnE", self.header(r#"{"alg":"nOnE"}"#), TokenInvalid),
            case(
                "an HMAC with our public key",
                self.unsigned(hs256, &self.hmac(hs256)),
                TokenInvalid,
            ),
            case("HS256, our signature", self.header(hs256), TokenInvalid),
            case(
                "an algorithm of others",
                self.header(r#"{"alg":"RS256"}"#),
                TokenInvalid,
            ),
            case(
                "the algorithm in other letters",
                self.header(r#"{"alg":"eddsa"}"#),
                TokenInvalid,
            ),
            case(
                "a key by a path",
                self.header(r#"{"alg":"EdDSA","kid":"../../dev/null"}"#),
                TokenInvalid,
            ),
            case(
                "a key by a query",
                self.header(r#"{"alg":"EdDSA","kid":"' OR 1=1 --"}"#),
                TokenInvalid,
            ),
            case(
                "a key by an address",
                self.header(r#"{"alg":"EdDSA","kid":"http://evil.example"}"#),
                TokenInvalid,
            ),
            case("a key with a long name", self.header(&long_kid), TokenInvalid),
            case(
                "a key that nobody has",
                self.header(r#"{"alg":"EdDSA","kid":"7"}"#),
                TokenInvalid,
            ),
            case(
                "keys from elsewhere",
                self.header(r#"{"alg":"EdDSA","jku":"https://evil.example"}"#),
                TokenInvalid,
            ),
            case(
                "a certificate from elsewhere",
                self.header(r#"{"alg":"EdDSA","x5u":"https://evil.example"}"#),
                TokenInvalid,
            ),
            case(
                "a key of its own",
                self.header(r#"{"alg":"EdDSA","jwk":{"kty":"OKP"}}"#),
                TokenInvalid,
            ),
            case(
                "what must be understood",
                self.header(r#"{"alg":"EdDSA","crit":["exp"]}"#),
                TokenInvalid,
            ),
            case(
                "two algorithms",
                self.header(r#"{"alg":"EdDSA","alg":"none"}"#),
                TokenInvalid,
            ),
        ]
    }

    /// RFC 8725, section 2.1: the public key taken for a shared secret.
    fn hmac(&self, header: &str) -> String {
        let public = std::fs::read(self.house.dir.path().join("token-signing.pub")).unwrap();
        let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, &public);
        let token = self.unsigned(header, "");
        URL_SAFE_NO_PAD.encode(ring::hmac::sign(&key, token.trim_end_matches('.').as_bytes()))
    }

    fn wrong_claims(&self) -> Vec<Case> {
        let at = |seconds: u64| seconds.to_string();
        let too_long = at(self.now + CUSTOMER_LIFE_S_MAX + 1);
        let (past, before) = (at(self.now - 1), at(self.now - 600));
        vec![
            case("no end", self.claims(&[("exp", "")]), TokenInvalid),
            case("an end far away", self.claims(&[("exp", &too_long)]), TokenInvalid),
            case("ended", self.claims(&[("iat", &before), ("exp", &past)]), TokenExpired),
            case(
                "an end as text",
                self.claims(&[("exp", &format!("\"{}\"", self.now + 600))]),
                TokenInvalid,
            ),
            case(
                "an end with a fraction",
                self.claims(&[("exp", &format!("{}.5", self.now + 600))]),
                TokenInvalid,
            ),
            case(
                "an end beyond 63 bits",
                self.claims(&[("exp", "9223372036854775808")]),
                TokenInvalid,
            ),
            case("not before", self.claims(&[("nbf", "0")]), TokenInvalid),
            case(
                "from the future",
                self.claims(&[("iat", &at(self.now + 300))]),
                TokenInvalid,
            ),
            case("another issuer", self.claims(&[("iss", "\"evil\"")]), TokenInvalid),
            case("another venue", self.claims(&[("aud", "\"museum\"")]), WrongVenue),
            case(
                "two venues",
                self.claims(&[("aud", "[\"hall\",\"museum\"]")]),
                TokenInvalid,
            ),
            case("nobody", self.claims(&[("sub", "\"\"")]), TokenInvalid),
            case(
                "two ends",
                self.twice(&format!("\"exp\":{}", self.now + 600)),
                TokenInvalid,
            ),
            case("two people", self.twice("\"sub\":\"ben\""), TokenInvalid),
            case(
                "a role that there is not",
                self.claims(&[("role", "\"operator\"")]),
                TokenInvalid,
            ),
            case(
                "a right beside the role",
                self.claims(&[("admin", "true")]),
                TokenInvalid,
            ),
            case(
                "a token's id that is none",
                self.claims(&[("jti", "{\"$ne\":null}")]),
                TokenInvalid,
            ),
        ]
    }

    fn twice(&self, field: &str) -> String {
        self.signer
            .sign_raw(HEADER, &self.claims_text(&[]).replacen('{', &format!("{{{field},"), 1))
    }

    fn encodings(&self) -> Vec<Case> {
        let good = self.good();
        let (signed, signature) = good.rsplit_once('.').unwrap();
        let bytes = URL_SAFE_NO_PAD.decode(signature).unwrap();
        let cut = &good[..good.len() - 1];
        vec![
            case("nothing", String::new(), TokenMissing),
            case("cut", cut.to_owned(), TokenInvalid),
            case("padded", format!("{signed}.{}", URL_SAFE.encode(&bytes)), TokenInvalid),
            case(
                "the other alphabet",
                format!("{signed}.{}", STANDARD.encode(&bytes).replace('=', "+")),
                TokenInvalid,
            ),
            case("with its scheme", format!("Bearer {good}"), TokenInvalid),
            case("twice", format!("{good}.{good}"), TokenInvalid),
            case("too long", "a".repeat(1_025), TokenInvalid),
            case("20 KiB", "a".repeat(20 * 1_024), FrameTooLarge),
        ]
    }

    fn others(&self) -> Vec<Case> {
        let elsewhere = tempfile::TempDir::new().unwrap();
        let request = KeyRequest {
            venue_id: "hall".into(),
            ..KeyRequest::default()
        };
        make_keys(elsewhere.path(), &request, self.now).unwrap();
        let forger = KeyFolder::open(elsewhere.path()).unwrap().token_signer().unwrap();
        let keys = &self.house.keys;
        let admin = make_admin_token(keys, "ops", AdminRole::Operator, 1, self.now).unwrap();
        let revoked_id = self
            .signer
            .sign_raw(HEADER, &self.claims_text(&[("jti", "\"lost-phone\"")]));
        revoke(keys, &Revocation::token("lost-phone").unwrap()).unwrap();
        revoke(keys, &Revocation::subject("mallory", self.now).unwrap()).unwrap();
        // The key under which everything else here is signed is the former one from here on.
        rotate(keys, self.now).unwrap();
        let out = keys
            .token_signer()
            .unwrap()
            .sign("ada", Role::Customer, self.now, 60)
            .unwrap();
        self.house.gateway.reload_keys().unwrap();
        let hub = std::fs::read_to_string(self.house.dir.path().join("hubs/hub-west.pem")).unwrap();
        vec![
            case(
                "signed elsewhere",
                forger.sign("ada", Role::Customer, self.now, 60).unwrap(),
                TokenInvalid,
            ),
            case("revoked by its id", revoked_id, TokenRevoked),
            case(
                "revoked with its person",
                self.claims(&[("sub", "\"mallory\"")]),
                TokenRevoked,
            ),
            case(
                "a hub's certificate",
                hub[..1_000.min(hub.len())].to_owned(),
                TokenInvalid,
            ),
            case("an admin's token", admin, TokenInvalid),
            case("signed with a changed bit", flip(&out), TokenInvalid),
        ]
    }

    /// One row: the code, counted once, and nothing else.
    async fn check(&self, (name, token, expected): (&str, String, ErrorCode)) {
        let before: u64 = nextbest_proto::error::TABLE
            .iter()
            .map(|row| self.errors(row.code))
            .sum();
        let of_code = self.errors(expected);
        let refused = self.house.app(token).await.expect_err(name);
        assert_eq!(
            refused.refusal().map(nextbest_proto::v1::Error::code),
            Some(expected),
            "{name}: {refused}"
        );
        assert_eq!(self.errors(expected), of_code + 1, "{name}");
        let after: u64 = nextbest_proto::error::TABLE
            .iter()
            .map(|row| self.errors(row.code))
            .sum();
        assert_eq!(after, before + 1, "{name}");
    }

    fn errors(&self, code: ErrorCode) -> u64 {
        self.house.errors(code)
    }
}

fn flip(token: &str) -> String {
    let mut bytes = token.as_bytes().to_vec();
    let at = bytes.len() / 2;
    bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
    String::from_utf8(bytes).unwrap()
}

#[tokio::test]
async fn whatever_is_held_out_for_a_token_is_refused_with_its_code() {
    let desk = Desk::open();
    let app = desk.house.app(desk.good()).await.unwrap();
    let mut cases = desk.headers();
    cases.extend(desk.wrong_claims());
    cases.extend(desk.encodings());
    cases.extend(desk.others());
    assert!(cases.len() >= 44, "{}", cases.len());
    for case in cases {
        desk.check(case).await;
        assert!(
            app.query(food()).await.is_ok(),
            "who has a good token is answered all the while"
        );
    }
    finish_rotation(&desk.house.keys).unwrap();
    desk.house.gateway.reload_keys().unwrap();
    desk.check(case("signed with a key that is out", desk.good(), TokenInvalid))
        .await;
}

#[tokio::test]
async fn a_role_lives_as_long_as_it_may() {
    let desk = Desk::open();
    let life = |role: &str, life_s: u64| desk.claims(&[("role", role), ("exp", &(desk.now + life_s).to_string())]);
    for (role, life_s_max) in [
        ("\"customer\"", CUSTOMER_LIFE_S_MAX),
        ("\"service\"", SERVICE_LIFE_S_MAX),
    ] {
        assert!(desk.house.app(life(role, life_s_max)).await.is_ok(), "{role}");
        desk.check((role, life(role, life_s_max + 1), TokenInvalid)).await;
    }
}
