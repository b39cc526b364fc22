/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/store/schema.h"

#include <string.h>
#include "base/buf.h"
#include "registry/store/sql.h"

#define STEP_TEXT_MAX 65536

/*
 * Ids are given by us and never used again: AUTOINCREMENT keeps the highest
 * in sqlite_sequence. What refers has an index, or each deletion would read
 * the whole table. The model checks all that is edited; what stands here as
 * UNIQUE and REFERENCES is to catch our own mistakes.
 */
static const char step_objects[] =
	"CREATE TABLE meta("
	" id INTEGER PRIMARY KEY CHECK (id = 1),"
	" revision INTEGER NOT NULL) STRICT;"
	"INSERT INTO meta VALUES(1, 0);"

	"CREATE TABLE shard("
	" id INTEGER PRIMARY KEY AUTOINCREMENT,"
	" name TEXT NOT NULL UNIQUE,"
	" url TEXT NOT NULL,"
	" \"authorization\" TEXT NOT NULL,"
	" proxy INTEGER NOT NULL,"
	" enabled INTEGER NOT NULL,"
	" samples INTEGER NOT NULL,"
	" targets INTEGER NOT NULL) STRICT;"

	"CREATE TABLE server("
	" id INTEGER PRIMARY KEY AUTOINCREMENT,"
	" shard_id INTEGER NOT NULL REFERENCES shard(id),"
	" host TEXT NOT NULL,"
	" port INTEGER NOT NULL,"
	" UNIQUE (host, port)) STRICT;"
	"CREATE INDEX server_shard ON server(shard_id);"

	"CREATE TABLE service("
	" id INTEGER PRIMARY KEY AUTOINCREMENT,"
	" name TEXT NOT NULL UNIQUE,"
	" description TEXT NOT NULL,"
	" owner TEXT NOT NULL,"
	" labels TEXT NOT NULL) STRICT;"

	"CREATE TABLE project("
	" id INTEGER PRIMARY KEY AUTOINCREMENT,"
	" name TEXT NOT NULL UNIQUE,"
	" service_id INTEGER NOT NULL REFERENCES service(id),"
	" shard_id INTEGER NOT NULL REFERENCES shard(id),"
	" description TEXT NOT NULL,"
	" owner TEXT NOT NULL,"
	" labels TEXT NOT NULL) STRICT;"
	"CREATE INDEX project_service ON project(service_id);"
	"CREATE INDEX project_shard ON project(shard_id);"

	"CREATE TABLE farm("
	" id INTEGER PRIMARY KEY AUTOINCREMENT,"
	" name TEXT NOT NULL,"
	" project_id INTEGER NOT NULL UNIQUE REFERENCES project(id),"
	" source TEXT NOT NULL,"
	" labels TEXT NOT NULL) STRICT;"

	"CREATE TABLE host("
	" id INTEGER PRIMARY KEY AUTOINCREMENT,"
	" name TEXT NOT NULL,"
	" farm_id INTEGER NOT NULL REFERENCES farm(id),"
	" labels TEXT NOT NULL,"
	" UNIQUE (farm_id, name)) STRICT;"

	"CREATE TABLE exporter("
	" id INTEGER PRIMARY KEY AUTOINCREMENT,"
	" job TEXT NOT NULL,"
	" project_id INTEGER NOT NULL REFERENCES project(id),"
	" port INTEGER NOT NULL,"
	" path TEXT NOT NULL,"
	" scheme TEXT NOT NULL,"
	" enabled INTEGER NOT NULL,"
	" params TEXT NOT NULL,"
	" labels TEXT NOT NULL,"
	" scrape_interval TEXT NOT NULL,"
	" scrape_timeout TEXT NOT NULL,"
	" UNIQUE (project_id, job, port, path, scheme)) STRICT;"

	"CREATE TABLE default_exporter("
	" id INTEGER PRIMARY KEY AUTOINCREMENT,"
	" job TEXT NOT NULL,"
	" port INTEGER NOT NULL,"
	" path TEXT NOT NULL,"
	" scheme TEXT NOT NULL,"
	" UNIQUE (job, port, path)) STRICT;"

	"CREATE TABLE probe("
	" id INTEGER PRIMARY KEY AUTOINCREMENT,"
	" module TEXT NOT NULL UNIQUE,"
	" description TEXT NOT NULL) STRICT;"

	"CREATE TABLE url("
	" id INTEGER PRIMARY KEY AUTOINCREMENT,"
	" url TEXT NOT NULL,"
	" project_id INTEGER NOT NULL REFERENCES project(id),"
	" probe_id INTEGER NOT NULL REFERENCES probe(id),"
	" UNIQUE (project_id, url, probe_id)) STRICT;"
	"CREATE INDEX url_probe ON url(probe_id);"

	"CREATE TABLE rule("
	" id INTEGER PRIMARY KEY AUTOINCREMENT,"
	" name TEXT NOT NULL UNIQUE,"
	" service_id INTEGER REFERENCES service(id),"
	" project_id INTEGER REFERENCES project(id),"
	" parent_id INTEGER REFERENCES rule(id),"
	" recording INTEGER NOT NULL,"
	" clause TEXT NOT NULL,"
	" duration TEXT NOT NULL,"
	" keep_firing_for TEXT NOT NULL,"
	" interval TEXT NOT NULL,"
	" enabled INTEGER NOT NULL,"
	" description TEXT NOT NULL,"
	" labels TEXT NOT NULL,"
	" annotations TEXT NOT NULL) STRICT;"
	"CREATE INDEX rule_service ON rule(service_id);"
	"CREATE INDEX rule_project ON rule(project_id);"
	"CREATE INDEX rule_parent ON rule(parent_id);"

	"CREATE TABLE notifier("
	" id INTEGER PRIMARY KEY AUTOINCREMENT,"
	" sender TEXT NOT NULL,"
	" service_id INTEGER REFERENCES service(id),"
	" project_id INTEGER REFERENCES project(id),"
	" value TEXT NOT NULL,"
	" alias TEXT NOT NULL,"
	" match TEXT NOT NULL,"
	" enabled INTEGER NOT NULL,"
	" owner TEXT NOT NULL) STRICT;"
	"CREATE INDEX notifier_service ON notifier(service_id);"
	"CREATE INDEX notifier_project ON notifier(project_id);"

	"CREATE TABLE filter("
	" id INTEGER PRIMARY KEY AUTOINCREMENT,"
	" notifier_id INTEGER NOT NULL REFERENCES notifier(id),"
	" name TEXT NOT NULL,"
	" operator TEXT NOT NULL,"
	" value TEXT NOT NULL,"
	" UNIQUE (notifier_id, name, operator, value)) STRICT;"

	"CREATE TABLE node("
	" id INTEGER PRIMARY KEY AUTOINCREMENT,"
	" ip TEXT NOT NULL,"
	" port INTEGER NOT NULL,"
	" comment TEXT NOT NULL,"
	" deleted INTEGER NOT NULL,"
	" created_at INTEGER NOT NULL,"
	" updated_at INTEGER NOT NULL,"
	" shard_id INTEGER NOT NULL REFERENCES shard(id)) STRICT;"
	"CREATE UNIQUE INDEX node_ip ON node(ip) WHERE NOT deleted;"
	"CREATE INDEX node_shard ON node(shard_id);"

	"CREATE TABLE token("
	" id INTEGER PRIMARY KEY AUTOINCREMENT,"
	" name TEXT NOT NULL UNIQUE,"
	" hash TEXT NOT NULL UNIQUE,"
	" scope TEXT NOT NULL,"
	" created_at INTEGER NOT NULL,"
	" expires_at INTEGER NOT NULL) STRICT;"

	/* No references: the log outlives what it tells of. */
	"CREATE TABLE audit("
	" id INTEGER PRIMARY KEY AUTOINCREMENT,"
	" created_at INTEGER NOT NULL," /* Unix seconds */
	" actor TEXT NOT NULL,"
	" op TEXT NOT NULL,"
	" kind TEXT NOT NULL,"
	" object_id INTEGER NOT NULL,"
	" title TEXT NOT NULL,"
	" parent_kind TEXT,"
	" parent_id INTEGER,"
	" service_id INTEGER,"
	" project_id INTEGER,"
	" old TEXT,"
	" new TEXT) STRICT;"
	"CREATE INDEX audit_created ON audit(created_at);"
	"CREATE INDEX audit_object ON audit(kind, object_id);"
	"CREATE INDEX audit_service ON audit(service_id)"
	" WHERE service_id IS NOT NULL;"
	"CREATE INDEX audit_project ON audit(project_id)"
	" WHERE project_id IS NOT NULL;"

	"INSERT INTO probe(module, description)"
	" VALUES('http_2xx', 'Default http check');"
	"INSERT INTO default_exporter(job, port, path, scheme)"
	" VALUES('node', 9100, '', 'http'), ('nginx', 9113, '', 'http'),"
	" ('mysqld', 9104, '', 'http'), ('apache', 9117, '', 'http');";

/* Messages of Alertmanagers; all labels of each, to be found by; and what
 * notifiers were told, or are still to be told (state 0). */
static const char step_alerts[] =
	"CREATE TABLE alert("
	" id INTEGER PRIMARY KEY AUTOINCREMENT,"
	" received_ms INTEGER NOT NULL," /* Unix milliseconds */
	" firing INTEGER NOT NULL,"
	" receiver TEXT NOT NULL,"
	" group_key TEXT NOT NULL,"
	" n_alerts INTEGER NOT NULL,"
	" told INTEGER NOT NULL," /* notifiers */
	" body TEXT NOT NULL,"    /* as it came */
	" routing TEXT NOT NULL) STRICT;"
	"CREATE INDEX alert_received ON alert(received_ms);"

	"CREATE TABLE alert_label("
	" alert_id INTEGER NOT NULL REFERENCES alert(id) ON DELETE CASCADE,"
	" name TEXT NOT NULL,"
	" value TEXT NOT NULL,"
	" PRIMARY KEY (alert_id, name, value)) STRICT;"
	"CREATE INDEX alert_label_value ON alert_label(name, value, alert_id);"

	/* No reference to the notifier: it may go. */
	"CREATE TABLE delivery("
	" id INTEGER PRIMARY KEY AUTOINCREMENT,"
	" alert_id INTEGER NOT NULL REFERENCES alert(id) ON DELETE CASCADE,"
	" notifier_id INTEGER NOT NULL,"
	" sender TEXT NOT NULL,"
	" alerts TEXT NOT NULL," /* bits in hexadecimal; '': all */
	" state INTEGER NOT NULL,"
	" tries INTEGER NOT NULL,"
	" due_ms INTEGER NOT NULL,"
	" created_ms INTEGER NOT NULL,"
	" ended_ms INTEGER,"
	" words TEXT NOT NULL) STRICT;"
	"CREATE INDEX delivery_alert ON delivery(alert_id, state);"
	"CREATE INDEX delivery_state ON delivery(state, id);";

static const char *const steps[] = {
	step_objects,
	step_alerts,
};

const unsigned schema_version = ARRAY_SIZE(steps);

/* SQLite has known STRICT since 3.37. */
static int step_text(struct buf *text, const char *step)
{
	static const char word[] = ") STRICT;";
	const char *at;

	while (sqlite3_libversion_number() < 3037000 &&
	       (at = strstr(step, word))) {
		(void)buf_append(text, step, (size_t)(at - step));
		(void)buf_puts(text, ");");
		step = at + strlen(word);
	}
	return buf_puts(text, step);
}

int schema_step(sqlite3 *db, unsigned from, struct err *err)
{
	struct buf text;
	int r;

	buf_init(&text, STEP_TEXT_MAX);
	(void)buf_puts(&text, "BEGIN IMMEDIATE;");
	(void)step_text(&text, steps[from]);
	r = buf_printf(&text,
	               "PRAGMA user_version = %u;"
	               "PRAGMA application_id = %d;"
	               "COMMIT",
	               from + 1, SCHEMA_APPLICATION_ID);
	if (r < 0)
		r = err_set_code(err, r, "version %u", from + 1);
	else
		r = sql_run(db, buf_text(&text), err);
	if (r < 0)
		sql_undo(db);
	buf_fini(&text);
	if (r < 0)
		err_wrap(err, "version %u of the tables", from + 1);
	return r;
}
