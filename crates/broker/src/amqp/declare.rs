//! Makes the broker have what the topology says.

use ie_model::Queue;
use lapin::options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Channel, ErrorKind, ExchangeKind};

use super::link::{Session, lost};
use crate::Error;
use crate::config::MOST_PARTITIONS;
use crate::shard::Shard;
use crate::topology::{Argument, Binding, Topology};

const NOT_FOUND: u16 = 404;
const PRECONDITION_FAILED: u16 = 406;

/// Declares exchanges, queues and bindings; what is there already stays as it is.
pub(super) async fn declare(channel: &Channel, topology: &Topology) -> Result<(), Error> {
    let main = topology.exchange();
    exchange(channel, main, ExchangeKind::Direct).await?;
    for declaration in topology.declarations() {
        let name = declaration.name.as_str();
        let (from, key) = match &declaration.from {
            Binding::Key(key) => (main, key.as_str()),
            Binding::Exchange => {
                exchange(channel, name, ExchangeKind::Fanout).await?;
                (name, "")
            }
        };
        let durable = QueueDeclareOptions {
            durable: true,
            ..Default::default()
        };
        channel
            .queue_declare(name.into(), durable, table(declaration.arguments))
            .await
            .map_err(|error| explain(name, error))?;
        channel
            .queue_bind(
                name.into(),
                from.into(),
                key.into(),
                QueueBindOptions::default(),
                FieldTable::default(),
            )
            .await
            .map_err(|error| explain(name, error))?;
    }
    Ok(())
}

/// Finds the partitions that are left of a time when there were more: they may hold messages, now or later.
///
/// Once for each process, since RabbitMQ notes a question for what is not there as an error.
pub(super) async fn find_partitions(session: &Session, topology: &Topology) -> Result<(), Error> {
    while topology.partitions() < MOST_PARTITIONS {
        let next = topology.partitions();
        let shard = Shard {
            queue: Queue::Changes,
            partition: next,
            bulk: false,
        };
        let name = topology.queue_name(&shard.key());
        let passive = QueueDeclareOptions {
            passive: true,
            ..Default::default()
        };
        // What is not there ends its channel.
        let channel = session.open_channel().await?;
        let looked = channel.queue_declare(name.into(), passive, FieldTable::default());
        match looked.await {
            Ok(_) => topology.widen(next + 1),
            Err(error) if is(&error, NOT_FOUND) => break,
            Err(error) => return Err(lost("looking for partitions", error)),
        }
        channel
            .close(200, "done".into())
            .await
            .map_err(|error| lost("looking for partitions", error))?;
    }
    Ok(())
}

async fn exchange(channel: &Channel, name: &str, kind: ExchangeKind) -> Result<(), Error> {
    let durable = ExchangeDeclareOptions {
        durable: true,
        ..Default::default()
    };
    let declared = channel.exchange_declare(name.into(), kind, durable, FieldTable::default());
    declared.await.map_err(|error| explain(name, error))
}

fn table(arguments: Vec<(&'static str, Argument)>) -> FieldTable {
    let mut table = FieldTable::default();
    for (name, value) in arguments {
        let value = match value {
            Argument::Text(text) => AMQPValue::LongString(text.into()),
            Argument::Number(number) => AMQPValue::LongLongInt(number),
        };
        table.insert(name.into(), value);
    }
    table
}

/// A queue that is there with other arguments is the operator's to mend; anything else may pass by itself.
fn explain(name: &str, error: lapin::Error) -> Error {
    if is(&error, PRECONDITION_FAILED)
        && let ErrorKind::ProtocolError(protocol) = error.kind()
    {
        let detail = protocol.get_message().to_string();
        return Error::Topology {
            name: name.to_owned(),
            detail,
        };
    }
    lost("declaring the queues", error)
}

/// Whether the broker gave this code as the reason.
fn is(error: &lapin::Error, code: u16) -> bool {
    matches!(error.kind(), ErrorKind::ProtocolError(protocol) if protocol.get_id() == code)
}
