//! The queue: RabbitMQ and the in-process one behind one contract. The only crate that names lapin.
