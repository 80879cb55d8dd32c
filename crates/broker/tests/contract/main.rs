//! One contract, run against both backends. RabbitMQ's half needs `TEST_AMQP_URL`: `make test` sets it, and so does
//! `scripts/services.sh run -- cargo nextest run -p ie-broker`.

#![expect(clippy::unwrap_used, reason = "helpers of tests may panic as tests do")]

mod dead_letters;
mod delivery;
mod memory;
mod outage;
mod proxy;
mod rabbitmq;
mod retry;
mod rig;
mod shards;
mod stop;
mod trace;
