-- What kind of failure an attempt was, and the headers of the callback's answer as a JSON object.
ALTER TABLE attempts ADD COLUMN error_class TEXT;
ALTER TABLE attempts ADD COLUMN headers TEXT;
