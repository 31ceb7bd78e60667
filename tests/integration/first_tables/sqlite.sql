CREATE TABLE runs (
	run_id VARCHAR NOT NULL,
	repository VARCHAR NOT NULL,
	repository_id INTEGER NOT NULL,
	number INTEGER NOT NULL,
	title VARCHAR NOT NULL,
	attempt INTEGER NOT NULL,
	state VARCHAR NOT NULL,
	active BOOLEAN NOT NULL,
	not_before FLOAT NOT NULL,
	queued_at FLOAT NOT NULL,
	started_at FLOAT,
	ended_at FLOAT,
	worker VARCHAR,
	segment INTEGER NOT NULL,
	begin_with VARCHAR,
	wait_count INTEGER NOT NULL,
	waits_for VARCHAR,
	stop_request VARCHAR,
	stop_reason VARCHAR,
	retries INTEGER NOT NULL,
	grants INTEGER NOT NULL,
	plan_asked VARCHAR,
	guidance_seen INTEGER NOT NULL,
	pull INTEGER,
	delivery_id VARCHAR,
	round INTEGER NOT NULL,
	follows_run VARCHAR,
	follow_up_requests VARCHAR,
	head VARCHAR,
	pull_end VARCHAR,
	purged_at FLOAT,
	run VARCHAR NOT NULL,
	outcome VARCHAR,
	PRIMARY KEY (run_id)
);
CREATE INDEX runs_started ON runs (repository_id, started_at);
CREATE INDEX runs_of_pull ON runs (repository_id, pull);
CREATE INDEX runs_of_head ON runs (repository_id, head);
CREATE UNIQUE INDEX runs_one_active ON runs (repository_id, number) WHERE active;
CREATE UNIQUE INDEX runs_of_delivery ON runs (delivery_id);
CREATE INDEX runs_that_follow ON runs (follows_run);
CREATE INDEX runs_waiting ON runs (active, not_before, queued_at);
CREATE TABLE spendings (
	number INTEGER NOT NULL,
	repository_id INTEGER NOT NULL,
	owner VARCHAR NOT NULL,
	at FLOAT NOT NULL,
	usd FLOAT NOT NULL,
	run_id VARCHAR,
	PRIMARY KEY (number)
);
CREATE INDEX spendings_of_day ON spendings (repository_id, at);
CREATE INDEX spendings_of_all ON spendings (at);
CREATE INDEX spendings_of_owner ON spendings (owner, at);
CREATE INDEX spendings_of_run ON spendings (run_id);
CREATE TABLE guidance (
	number INTEGER NOT NULL,
	run_id VARCHAR NOT NULL,
	comment VARCHAR NOT NULL,
	kind VARCHAR NOT NULL,
	words VARCHAR NOT NULL,
	"by" VARCHAR NOT NULL,
	at VARCHAR NOT NULL,
	PRIMARY KEY (number)
);
CREATE UNIQUE INDEX guidance_once ON guidance (run_id, comment);
CREATE TABLE pauses (
	repository_id INTEGER NOT NULL,
	repository VARCHAR NOT NULL,
	since FLOAT NOT NULL,
	"by" VARCHAR NOT NULL,
	words VARCHAR NOT NULL,
	PRIMARY KEY (repository_id)
);
CREATE TABLE worker_lease (
	number INTEGER NOT NULL,
	process VARCHAR NOT NULL,
	home VARCHAR NOT NULL,
	"key" VARCHAR NOT NULL,
	last_seen FLOAT NOT NULL,
	turn INTEGER,
	PRIMARY KEY (number)
);
CREATE TABLE run_files (
	number INTEGER NOT NULL,
	run_id VARCHAR NOT NULL,
	name VARCHAR NOT NULL,
	content BLOB NOT NULL,
	PRIMARY KEY (number)
);
CREATE INDEX run_files_of_run ON run_files (run_id, name, number);
CREATE TABLE audit (
	number INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
	at FLOAT NOT NULL,
	"by" VARCHAR NOT NULL,
	via VARCHAR NOT NULL,
	action VARCHAR NOT NULL,
	run VARCHAR NOT NULL,
	repository VARCHAR NOT NULL
);
CREATE INDEX audit_at ON audit (at);
CREATE TABLE audit_sent (
	"key" INTEGER NOT NULL,
	number INTEGER NOT NULL,
	PRIMARY KEY ("key")
);
CREATE TABLE deliveries (
	number INTEGER NOT NULL,
	delivery_id VARCHAR NOT NULL,
	event VARCHAR NOT NULL,
	content_key VARCHAR NOT NULL,
	received_at FLOAT NOT NULL,
	body BLOB NOT NULL,
	outcome VARCHAR,
	reason VARCHAR NOT NULL,
	PRIMARY KEY (number),
	UNIQUE (delivery_id)
);
CREATE INDEX deliveries_unread ON deliveries (number) WHERE outcome IS NULL;
CREATE UNIQUE INDEX deliveries_content ON deliveries (content_key) WHERE content_key <> '';
CREATE TABLE heartbeats (
	name VARCHAR NOT NULL,
	at FLOAT NOT NULL,
	PRIMARY KEY (name)
);
