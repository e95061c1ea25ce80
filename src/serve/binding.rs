//! Every socket of a gateway, bound before anything runs, so that an address in use is an error and not a surprise.

use std::net::{SocketAddr, TcpListener};

use super::admin::Door;
use super::doors::{DoorSockets, DoorsSettings};
use super::keys::KeyFolder;
use super::{GatewaySettings, StartError, listener};
use crate::engine::Engine;

pub(super) fn check_venue(engine: &Engine, keys: &KeyFolder) -> Result<(), StartError> {
    let generation = engine.generation();
    let pack = &generation.venue().id;
    if pack == keys.venue_id() {
        return Ok(());
    }
    Err(StartError::Venue {
        keys: keys.venue_id().to_owned(),
        pack: pack.clone(),
    })
}

pub(super) fn bind_doors(settings: &DoorsSettings) -> Result<DoorSockets, StartError> {
    let http = settings.http.as_ref().map(|door| bind_tcp("other hubs", door.listen));
    let udp = settings.udp.map(|address| bind_udp("other hubs", address));
    let listener = settings.mqtt.listener.as_ref();
    let mqtt = listener.map(|listener| bind_tcp("hubs that speak MQTT", listener.address));
    Ok(DoorSockets {
        http: http.transpose()?.map(|(socket, _)| socket),
        udp: udp.transpose()?.map(|(socket, _)| socket),
        mqtt: mqtt.transpose()?.map(|(socket, _)| socket),
    })
}

pub(super) fn bind_udp(
    what: &'static str,
    address: SocketAddr,
) -> Result<(std::net::UdpSocket, SocketAddr), StartError> {
    let bound = listener::bind(address).and_then(|socket| socket.local_addr().map(|bound| (socket, bound)));
    bound.map_err(|reason| StartError::Bind { what, address, reason })
}

pub(super) fn bind_https(settings: &GatewaySettings) -> Result<Vec<(Door, TcpListener, SocketAddr)>, StartError> {
    let public = settings.http.map(|address| (Door::Public, "health checks", address));
    let admin = settings.admin.map(|address| (Door::Admin, "staff", address));
    let bind = |(door, what, address)| bind_tcp(what, address).map(|(socket, bound)| (door, socket, bound));
    public.into_iter().chain(admin).map(bind).collect()
}

fn bind_tcp(what: &'static str, address: SocketAddr) -> Result<(TcpListener, SocketAddr), StartError> {
    let bound = TcpListener::bind(address).and_then(|socket| socket.local_addr().map(|bound| (socket, bound)));
    bound.map_err(|reason| StartError::Bind { what, address, reason })
}

/// The thread of a listener.
pub(super) const fn thread_of(door: Door) -> &'static str {
    match door {
        Door::Public => "http",
        Door::Admin => "admin",
    }
}
