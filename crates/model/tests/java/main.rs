//! Date patterns against a JVM's own `SimpleDateFormat`, and what must hold for every pattern.

#[cfg(test)]
mod cases;
#[cfg(test)]
mod properties;
