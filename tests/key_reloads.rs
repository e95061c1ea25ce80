//! Keys that change while the gateway serves: what was revoked is refused at once, also on connections that are open;
//! a key is changed without refusing anybody; and a folder that cannot be used changes nothing.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

#[expect(dead_code, reason = "this test uses a part of the house")]
mod house;
#[path = "house/raw.rs"]
mod raw;
#[path = "house/staff.rs"]
mod staff;

use std::fs;
use std::path::Path;
use std::thread;

use house::{House, acknowledged, food, heard};
use nextbest::serve::GatewaySettings;
use nextbest::serve::access::admin_tokens::AdminRole;
use nextbest::serve::access::changes::{finish_rotation, revoke, rotate};
use nextbest::serve::access::revoked::Revocation;
use nextbest::serve::certificate::subject_of;
use nextbest::serve::clock::unix_s;
use nextbest::serve::key_maker::{KeyRequest, make_keys};
use nextbest::serve::keys::KeyFolder;
use nextbest::serve::metrics::Counter;
use nextbest::serve::token::Role;
use nextbest_client::{AppSession, RequestError};
use nextbest_proto::ALPN;
use nextbest_proto::v1::ErrorCode;
use raw::closed_with;
use rcgen::{
    CertificateParams, CertificateRevocationListParams, DnType, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose,
    RevokedCertParams, SerialNumber, date_time_ymd,
};

impl House {
    /// Refuses somebody, as an operator at the key folder does.
    fn revoke(&self, revocation: Revocation) {
        revoke(&self.keys, &revocation).unwrap();
        self.gateway.reload_keys().unwrap();
    }

    /// The code with which a hub is let in or refused.
    async fn hub_code(&self, hub_id: &str) -> Option<u64> {
        let identity = self.keys.hub(hub_id).unwrap();
        match self.raw(self.gateway.hub_addr(), ALPN, Some(identity)).await {
            Ok((_endpoint, connection)) => {
                tokio::select! {
                    code = closed_with(&connection) => code,
                    // A hub that may stay is let in when it says hello.
                    session = self.hub(hub_id, 9) => session.err().map(|_| 0),
                }
            }
            Err(_) => Some(0),
        }
    }
}

async fn code(app: &AppSession) -> Option<ErrorCode> {
    match app.query(food()).await {
        Ok(_) => None,
        Err(RequestError::Refused(refusal)) => Some(refusal.code()),
        Err(_) => Some(ErrorCode::Unspecified),
    }
}

#[tokio::test]
async fn a_revoked_hub_is_closed_and_stays_out_and_the_others_stay_in() {
    let house = House::open();
    let mut stays = house.hub("hub-east", 1).await.unwrap();
    let by_name = house.hub("hub-west", 1).await.unwrap();
    let by_number = house.hub("hub-middle", 1).await.unwrap();
    let certificate = house.keys.hub("hub-middle").unwrap().chain.remove(0);
    house.revoke(Revocation::hub("hub-west").unwrap());
    assert_eq!(
        closed_with(by_name.connection()).await,
        Some(ErrorCode::HubRevoked as u64)
    );
    house.revoke(Revocation::certificate(&subject_of(&certificate).unwrap().serial).unwrap());
    assert_eq!(
        closed_with(by_number.connection()).await,
        Some(ErrorCode::HubRevoked as u64)
    );
    for hub in ["hub-west", "hub-middle"] {
        assert_eq!(house.hub_code(hub).await, Some(ErrorCode::HubRevoked as u64), "{hub}");
    }
    assert!(house.errors(ErrorCode::HubRevoked) >= 4);
    stays.send_batch(0, 0, &[heard(1, -60)]).await.unwrap();
    assert_eq!(acknowledged(&mut stays).await, 1);
}

#[tokio::test]
async fn the_authoritys_own_list_closes_a_hub_and_shuts_it_out() {
    let house = House::open();
    let hub = house.hub("hub-west", 1).await.unwrap();
    let mut stays = house.hub("hub-east", 1).await.unwrap();
    let certificate = house.keys.hub("hub-west").unwrap().chain.remove(0);
    fs::write(
        house.dir.path().join("hubs.crl"),
        crl(&house, &subject_of(&certificate).unwrap().serial),
    )
    .unwrap();
    house.gateway.reload_keys().unwrap();
    assert_eq!(closed_with(hub.connection()).await, Some(ErrorCode::HubRevoked as u64));
    let failed = house.counted(Counter::HandshakeFailed);
    assert!(house.hub("hub-west", 2).await.is_err());
    assert!(
        house.counted(Counter::HandshakeFailed) > failed,
        "the handshake itself refuses it"
    );
    stays.send_batch(0, 0, &[heard(1, -60)]).await.unwrap();
    assert_eq!(acknowledged(&mut stays).await, 1);
}

/// A list of the house's authority with one certificate on it.
fn crl(house: &House, serial: &str) -> String {
    let key = KeyPair::from_pem(&fs::read_to_string(house.dir.path().join("ca.key")).unwrap()).unwrap();
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params
        .distinguished_name
        .push(DnType::CommonName, "nextbest development authority");
    params.distinguished_name.push(DnType::OrganizationName, "hall");
    params.key_usages = vec![KeyUsagePurpose::CrlSign];
    let padded = format!("{serial:0>40}");
    let number: Vec<u8> = (0..20)
        .map(|at| u8::from_str_radix(&padded[2 * at..2 * at + 2], 16).unwrap())
        .collect();
    let first = number.iter().position(|byte| *byte != 0).unwrap();
    let list = CertificateRevocationListParams {
        this_update: date_time_ymd(2026, 1, 1),
        next_update: date_time_ymd(2026, 1, 2),
        crl_number: SerialNumber::from(1),
        issuing_distribution_point: None,
        revoked_certs: vec![RevokedCertParams {
            serial_number: SerialNumber::from(number[first..].to_vec()),
            revocation_time: date_time_ymd(2026, 1, 1),
            reason_code: None,
            invalidity_date: None,
        }],
        key_identifier_method: KeyIdMethod::Sha256,
    };
    list.signed_by(&Issuer::new(params, key)).unwrap().pem().unwrap()
}

#[tokio::test]
async fn a_revoked_token_ends_with_its_next_request_and_a_fresh_one_is_good() {
    let house = House::open();
    let issued = unix_s() - 10;
    let old = |who: &str| house.signer.sign(who, Role::Customer, issued, 3_600).unwrap();
    let (ada, ben) = (
        house.app(old("ada")).await.unwrap(),
        house.app(old("ben")).await.unwrap(),
    );
    assert_eq!((code(&ada).await, code(&ben).await), (None, None));
    house.revoke(Revocation::subject("ada", issued).unwrap());
    assert_eq!(
        (code(&ada).await, code(&ben).await),
        (Some(ErrorCode::TokenRevoked), None)
    );
    assert_eq!(
        closed_with(ada.connection()).await,
        Some(ErrorCode::TokenRevoked as u64)
    );
    let again = house.app(old("ada")).await.expect_err("the old token is refused");
    assert_eq!(
        again.refusal().map(nextbest_proto::v1::Error::code),
        Some(ErrorCode::TokenRevoked)
    );
    assert_eq!(code(&house.app(house.token("ada")).await.unwrap()).await, None);

    let token = old("ben");
    let id = house
        .keys
        .token_verifier()
        .unwrap()
        .verify(&token, unix_s())
        .unwrap()
        .token_id
        .unwrap();
    house.revoke(Revocation::token(&id).unwrap());
    assert!(house.app(token).await.is_err());
    assert_eq!(code(&ben).await, None, "another token of the same person is good");
}

#[tokio::test]
async fn an_operators_refusal_waits_for_no_other_file_and_reaches_a_minute_ahead() {
    let house = House::open_with(&GatewaySettings {
        admin: Some("127.0.0.1:0".parse().unwrap()),
        ..GatewaySettings::default()
    });
    let operator = house.staff("ops", AdminRole::Operator);
    let hub = house.hub("hub-west", 1).await.unwrap();
    let ahead = house.signer.sign("ada", Role::Customer, unix_s() + 50, 3_600).unwrap();
    let ada = house.app(ahead).await.unwrap();
    fs::write(house.dir.path().join("server.pem"), "no certificate").unwrap();
    for whom in [r#""hub":"hub-west""#, r#""customer":"ada""#] {
        let body = format!("{{{whom},\"why\":\"stolen\"}}");
        let (status, answer) = house.ask("POST", "/v1/admin/revoke", &operator, &body).await;
        assert_eq!(status, 200, "{answer}");
    }
    assert_eq!(closed_with(hub.connection()).await, Some(ErrorCode::HubRevoked as u64));
    assert_eq!(code(&ada).await, Some(ErrorCode::TokenRevoked));
    assert!(house.gateway.reload_keys().is_err(), "the folder as a whole is refused");
}

#[test]
fn a_rotation_that_was_cut_short_is_ended_by_another_one() {
    for written in 0..=2 {
        let dir = tempfile::TempDir::new().unwrap();
        make_keys(dir.path(), &request("hall"), unix_s()).unwrap();
        let keys = KeyFolder::open(dir.path()).unwrap();
        let path = |name: &str| dir.path().join(name);
        let former = keys.token("service").unwrap();
        let public = fs::read(path("token-signing.pub")).unwrap();
        let private = fs::read(path("token-signing.key")).unwrap();
        rotate(&keys, unix_s()).unwrap();
        // As if it had ended before the present key, and before the private one, was written.
        if written < 2 {
            fs::write(path("token-signing.pub"), &public).unwrap();
        }
        if written < 1 {
            fs::write(path("token-signing.key"), &private).unwrap();
        }
        assert_eq!(rotate(&keys, unix_s()).is_ok(), written < 2, "{written}");
        let fresh = keys.token_signer().unwrap().sign("ada", Role::Customer, unix_s(), 60);
        for token in [former, fresh.unwrap(), keys.token("service").unwrap()] {
            assert!(
                keys.token_verifier().unwrap().verify(&token, unix_s()).is_ok(),
                "{written}"
            );
        }
        assert_ne!(fs::read(path("token-signing.pub")).unwrap(), public, "{written}");
    }
}

#[test]
fn changers_at_once_lose_nothing() {
    let dir = tempfile::TempDir::new().unwrap();
    make_keys(dir.path(), &request("hall"), unix_s()).unwrap();
    let keys = KeyFolder::open(dir.path()).unwrap();
    thread::scope(|scope| {
        for changer in 0..4 {
            let keys = &keys;
            scope.spawn(move || {
                for n in 0..25 {
                    revoke(keys, &Revocation::hub(&format!("h{changer}-{n}")).unwrap()).unwrap();
                }
            });
        }
    });
    assert_eq!(keys.revoked().unwrap().len(), 100);
    let left = fs::read_dir(dir.path()).unwrap();
    let is_rest = |name: String| Path::new(&name).extension().is_some_and(|end| end == "next");
    let rest = left.filter(|entry| is_rest(entry.as_ref().unwrap().file_name().into_string().unwrap()));
    assert_eq!(rest.count(), 0);
}

#[test]
fn a_folder_that_is_made_again_takes_no_former_key_and_keeps_what_is_revoked() {
    let dir = tempfile::TempDir::new().unwrap();
    let again = KeyRequest {
        replace: true,
        ..request("hall")
    };
    make_keys(dir.path(), &again, unix_s()).unwrap();
    let keys = KeyFolder::open(dir.path()).unwrap();
    let former = keys.token("service").unwrap();
    rotate(&keys, unix_s()).unwrap();
    revoke(&keys, &Revocation::hub("h1").unwrap()).unwrap();
    assert!(keys.token_verifier().unwrap().verify(&former, unix_s()).is_ok());
    make_keys(dir.path(), &again, unix_s()).unwrap();
    assert!(keys.token_verifier().unwrap().verify(&former, unix_s()).is_err());
    assert_eq!(keys.revoked().unwrap().len(), 1);
}

#[tokio::test]
async fn a_key_is_rotated_without_refusing_anybody_and_then_its_tokens_are_refused() {
    let house = House::open();
    let before = house.token("ada");
    let ada = house.app(before.clone()).await.unwrap();
    rotate(&house.keys, unix_s()).unwrap();
    house.gateway.reload_keys().unwrap();
    let signer = house.keys.token_signer().unwrap();
    let after = signer.sign("ada", Role::Customer, unix_s(), 60).unwrap();
    for token in [before.clone(), after.clone(), house.keys.token("service").unwrap()] {
        assert!(house.app(token).await.is_ok(), "both keys are good during the overlap");
    }
    assert_eq!(code(&ada).await, None);
    assert!(
        rotate(&house.keys, unix_s()).is_err(),
        "a third key would throw the first one out"
    );
    finish_rotation(&house.keys).unwrap();
    house.gateway.reload_keys().unwrap();
    assert_eq!(code(&ada).await, Some(ErrorCode::TokenRevoked));
    let refused = house.app(before).await.expect_err("the key is out");
    assert_eq!(
        refused.refusal().map(nextbest_proto::v1::Error::code),
        Some(ErrorCode::TokenInvalid)
    );
    assert!(house.app(after).await.is_ok());
}

#[tokio::test]
async fn another_certificate_is_shown_to_the_next_who_come() {
    let house = House::open();
    let shown = async || {
        let (_endpoint, connection) = house.raw(house.gateway.app_addr(), ALPN, None).await.unwrap();
        let chain = connection.peer_identity().unwrap();
        chain
            .downcast::<Vec<rustls::pki_types::CertificateDer<'static>>>()
            .unwrap()
            .remove(0)
    };
    let app = house.app(house.token("ada")).await.unwrap();
    let before = shown().await;
    let other = tempfile::TempDir::new().unwrap();
    make_keys(other.path(), &request("hall"), unix_s()).unwrap();
    // A certificate of the house's own authority takes an authority; the whole folder is another one's here.
    for file in ["ca.pem", "server.pem", "server.key"] {
        fs::copy(other.path().join(file), house.dir.path().join(file)).unwrap();
    }
    house.gateway.reload_keys().unwrap();
    assert_ne!(shown().await, before);
    assert_eq!(code(&app).await, None, "who is connected stays");
}

fn request(venue: &str) -> KeyRequest {
    KeyRequest {
        venue_id: venue.into(),
        ..KeyRequest::default()
    }
}

#[tokio::test]
async fn a_folder_that_cannot_be_used_changes_nothing_and_says_why() {
    let house = House::open();
    let app = house.app(house.token("ada")).await.unwrap();
    let hub = house.hub("hub-west", 1).await.unwrap();
    let foreign = tempfile::TempDir::new().unwrap();
    make_keys(foreign.path(), &request("museum"), unix_s()).unwrap();
    let foreign_ca = fs::read_to_string(foreign.path().join("ca.pem")).unwrap();
    let foreign_key = fs::read_to_string(foreign.path().join("server.key")).unwrap();
    let table: &[(&str, &str, &str)] = &[
        ("server.pem", "no certificate", "server.pem"),
        ("server.key", &foreign_key, "do not fit together"),
        ("server.key", "", "server.key"),
        ("ca.pem", &foreign_ca, "another venue"),
        ("token-signing.pub", "-----BEGIN", "token-signing.pub"),
        ("token-signing.former.pub", "x", "token-signing.former.pub"),
        ("revoked", "hub hub-west\nhub\n", "line 2"),
        ("admin-tokens", "ops root 1 2\n", "admin-tokens"),
        ("hubs.crl", "nothing", "hubs.crl"),
    ];
    for (refused, (file, text, expected)) in (1..).zip(table) {
        let path = house.dir.path().join(file);
        let before = fs::read(&path).ok();
        fs::write(&path, text).unwrap();
        let error = house.gateway.reload_keys().expect_err(file).to_string();
        assert!(
            error.contains(expected) || error.contains("cannot be used"),
            "{file}: {error}"
        );
        assert_eq!(house.counted(Counter::KeysRefused), refused);
        match before {
            Some(before) => fs::write(&path, before).unwrap(),
            None => fs::remove_file(&path).unwrap(),
        }
        assert_eq!(code(&app).await, None, "{file}");
        assert!(hub.connection().close_reason().is_none(), "{file}");
    }
    house.gateway.reload_keys().unwrap();
    assert!(house.app(house.token("ben")).await.is_ok());
}

#[tokio::test]
async fn a_certificate_that_names_zones_serves_a_hub_of_those_zones_alone() {
    let house = House::open();
    let zones = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>();
    let engine = house.engine.generation();
    let venue = engine.venue();
    let own = |hub: &str| {
        let hub = &venue.hubs[venue.hub_by_id(hub).unwrap().index()];
        hub.zones
            .iter()
            .map(|zone| venue.zones[zone.index()].id.clone())
            .collect::<Vec<_>>()
    };
    let other = tempfile::TempDir::new().unwrap();
    let request = KeyRequest {
        hub_ids: house::HUBS.map(str::to_owned).into(),
        hub_zones: [
            ("hub-west".to_owned(), own("hub-west")),
            ("hub-middle".to_owned(), zones(&["somewhere else"])),
        ]
        .into(),
        ..request("hall")
    };
    make_keys(other.path(), &request, unix_s()).unwrap();
    for entry in ["ca.pem", "server.pem", "server.key"] {
        fs::copy(other.path().join(entry), house.dir.path().join(entry)).unwrap();
    }
    for hub in house::HUBS {
        for end in ["pem", "key"] {
            let file = format!("hubs/{hub}.{end}");
            fs::copy(other.path().join(&file), house.dir.path().join(&file)).unwrap();
        }
    }
    house.gateway.reload_keys().unwrap();
    assert_eq!(house.hub_code("hub-west").await, None, "bound to its own zones");
    assert_eq!(house.hub_code("hub-east").await, None, "bound to no zones");
    assert_eq!(house.hub_code("hub-middle").await, Some(ErrorCode::NotAllowed as u64));
}
