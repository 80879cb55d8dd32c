//! Makes the broker have what the topology says.

use lapin::options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Channel, ErrorKind, ExchangeKind};

use super::link::lost;
use crate::Error;
use crate::topology::{Argument, Topology};

/// Declares exchange, queues and bindings; what is there already stays as it is.
pub(super) async fn declare(channel: &Channel, topology: &Topology) -> Result<(), Error> {
    let exchange = topology.exchange();
    let durable = ExchangeDeclareOptions {
        durable: true,
        ..Default::default()
    };
    channel
        .exchange_declare(
            exchange.into(),
            ExchangeKind::Direct,
            durable,
            FieldTable::default(),
        )
        .await
        .map_err(|error| explain(exchange, error))?;
    for declaration in topology.declarations() {
        let name = declaration.name.as_str();
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
                exchange.into(),
                declaration.routing_key.as_str().into(),
                QueueBindOptions::default(),
                FieldTable::default(),
            )
            .await
            .map_err(|error| explain(name, error))?;
    }
    Ok(())
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
    const PRECONDITION_FAILED: u16 = 406;
    if let ErrorKind::ProtocolError(protocol) = error.kind()
        && protocol.get_id() == PRECONDITION_FAILED
    {
        let detail = protocol.get_message().to_string();
        return Error::Topology {
            name: name.to_owned(),
            detail,
        };
    }
    lost("declaring the queues", error)
}
