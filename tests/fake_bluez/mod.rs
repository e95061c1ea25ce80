//! A BlueZ of our own on a private D-Bus: adapters and devices that do what a test says, so that every advertisement is
//! known and counted.
//!
//! Only the agent's process is told of the bus (`DBUS_SYSTEM_BUS_ADDRESS`); no root, no radio, no real bluetoothd. What
//! btleplug and bluez-async want, and drop without a word when it is missing, is here: every property of `Adapter1` and
//! `Device1` that they require, `InterfacesAdded` for what appears, manufacturers' data as `a{qv}` and services' data as
//! `a{sv}`. Deliberately absent: pairing, connections, GATT.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

mod bus;
mod objects;

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use dbus::channel::Channel;
use dbus::message::{Message, MessageType};

pub(crate) use bus::PrivateBus;
use objects::Objects;
pub(crate) use objects::{Advert, Data};

/// Longest wait for anything.
pub(crate) const WAIT: Duration = Duration::from_secs(60);
/// Commands that wait for the thread that answers the bus.
const COMMANDS_LEN_MAX: usize = 4_096;
/// How long the thread waits for messages of the bus between two commands.
const TURN: Duration = Duration::from_millis(1);

/// bluetoothd, in a thread of the test.
pub(crate) struct FakeBluez {
    commands: SyncSender<Command>,
    thread: Option<JoinHandle<()>>,
}

type Command = Box<dyn FnOnce(&mut Objects, &Channel) + Send>;

impl FakeBluez {
    /// Takes the name `org.bluez`, with an adapter `hci0`.
    pub(crate) fn start(bus: &PrivateBus) -> Self {
        let mut channel = Channel::open_private(&bus.address).unwrap();
        channel.register().unwrap();
        let rule = "type='signal',interface='org.freedesktop.DBus',member='NameOwnerChanged'";
        channel.send(bus_call("AddMatch").append1(rule)).unwrap();
        let (commands, asked) = sync_channel(COMMANDS_LEN_MAX);
        let thread = std::thread::spawn(move || serve(&channel, &asked));
        let fake = Self {
            commands,
            thread: Some(thread),
        };
        fake.take_name();
        fake.do_with(Objects::add_adapter);
        fake
    }

    /// Something is heard on the air. While nobody scans, it is lost, as on a real adapter; says whether it was told.
    pub(crate) fn advertise(&self, advert: Advert) -> bool {
        self.ask(move |objects, channel| objects.advertise(channel, advert))
    }

    /// Waits until somebody scans.
    pub(crate) fn until_scanning(&self) {
        self.until(Objects::is_scanning);
    }

    /// Waits until nobody scans: bluetoothd ends the scan of somebody who has left the bus.
    pub(crate) fn until_deaf(&self) {
        self.until(|objects| !objects.is_scanning());
    }

    /// The adapter is pulled out: its devices and it are gone.
    pub(crate) fn unplug(&self) {
        self.do_with(Objects::remove_adapter);
    }

    /// It is plugged in again.
    pub(crate) fn plug(&self) {
        self.do_with(Objects::add_adapter);
    }

    /// bluetoothd is killed: the name is free, and nobody answers. Nothing is said about adapters and devices.
    pub(crate) fn die(&self) {
        self.ask(|objects, channel| {
            objects.forget();
            let call = bus_call("ReleaseName").append1("org.bluez");
            channel.send(call).unwrap();
            channel.flush();
        });
    }

    /// And started again, with the adapter and without any device.
    pub(crate) fn live(&self) {
        self.take_name();
        self.do_with(Objects::add_adapter);
    }

    /// The filter of the last scan: whether duplicates are wanted.
    pub(crate) fn wants_duplicates(&self) -> bool {
        self.ask(|objects, _| objects.wants_duplicates)
    }

    /// bluetoothd remembers a device from before the scan.
    pub(crate) fn remember(&self, advert: Advert) {
        self.do_with(move |objects, channel| objects.remember(channel, advert));
    }

    fn take_name(&self) {
        self.ask(|_, channel| {
            let call = bus_call("RequestName").append2("org.bluez", 0_u32);
            channel.send(call).unwrap();
            channel.flush();
        });
    }

    fn until(&self, reached: impl Fn(&Objects) -> bool + Clone + Send + 'static) {
        for _ in 0..WAIT.as_millis() {
            let reached = reached.clone();
            if self.ask(move |objects, _| reached(objects)) {
                return;
            }
        }
        panic!("the agent did not do in time what was waited for");
    }

    fn do_with(&self, work: impl FnOnce(&mut Objects, &Channel) + Send + 'static) {
        self.commands.send(Box::new(work)).unwrap();
    }

    fn ask<R: Send + 'static>(&self, work: impl FnOnce(&mut Objects, &Channel) -> R + Send + 'static) -> R {
        let (answer, answered) = sync_channel(1);
        self.do_with(move |objects, channel| answer.send(work(objects, channel)).unwrap());
        answered.recv_timeout(WAIT).expect("the fake's thread runs")
    }
}

impl Drop for FakeBluez {
    fn drop(&mut self) {
        let (dead, _) = sync_channel(1);
        drop(std::mem::replace(&mut self.commands, dead));
        if let Some(thread) = self.thread.take() {
            // Its own panic has said what was wrong.
            let _ended = thread.join();
        }
    }
}

fn bus_call(method: &'static str) -> Message {
    let (name, path) = ("org.freedesktop.DBus", "/org/freedesktop/DBus");
    Message::new_method_call(name, path, name, method).unwrap()
}

/// Answers the bus and does what the test says, until the test lets go.
fn serve(channel: &Channel, asked: &Receiver<Command>) {
    let mut objects = Objects::default();
    loop {
        channel.read_write(Some(TURN)).expect("the private bus lives");
        while let Some(message) = channel.pop_message() {
            if message.member().is_some_and(|member| &*member == "NameOwnerChanged") {
                objects.on_left(channel, &message);
            }
            if message.msg_type() == MessageType::MethodCall {
                let reply = objects.answer(channel, &message);
                channel.send(reply).unwrap();
            }
        }
        loop {
            match asked.try_recv() {
                Ok(command) => command(&mut objects, channel),
                Err(std::sync::mpsc::TryRecvError::Empty) => break,
                Err(std::sync::mpsc::TryRecvError::Disconnected) => return,
            }
        }
    }
}
