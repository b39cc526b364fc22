/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/model/explain_target.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "base/number.h"
#include "base/text.h"

#define HOST_MAX  254
#define WORDS_MAX 65536 /* bytes of all problems of one thing */
#define NEAR_MAX  5     /* names */
#define FAR       4     /* edits, beyond which a name is no near one */
#define MAX_PORT  65535
#define PORTS_MAX 8 /* that are named */

enum { HTTP_PORT = 80, HTTPS_PORT = 443 };

struct asked {
	char text[EXPLAIN_ADDRESS_MAX]; /* as it was asked */
	char host[HOST_MAX];
	int64_t port; /* 0: none was named */
	bool url;
};

struct explaining {
	const struct explain_target *what;
	struct asked asked;
	struct json_writer *json;
	size_t n_found;
	size_t n_scraped;
	size_t n_doubtful;

	/* of the present thing; each line ends with '\n' */
	struct buf problems;
	struct buf notes;
	bool doubtful;
};

/* --- the address ----------------------------------------------------------------- */

/* Of a URL what stands between "//" and the path. */
static struct slice authority_of(const char *text, bool *urlp)
{
	const char *start = strstr(text, "://");

	*urlp = start != NULL;
	if (!start)
		return slice_from(text);
	start += 3;
	return slice_make(start, strcspn(start, "/?#"));
}

static int read_port(struct slice text, int64_t *portp)
{
	uint64_t port;

	if (number_parse_u64(text, &port) < 0 || port == 0 || port > MAX_PORT)
		return -EINVAL;
	*portp = (int64_t)port;
	return 0;
}

/* An IPv6 address may stand without brackets if there is no port. */
static int split(struct asked *asked, struct slice text)
{
	const char *open = text.n && text.p[0] == '[' ? text.p : NULL;
	const char *close = open ? memchr(text.p, ']', text.n) : NULL;
	const char *colon = memchr(text.p, ':', text.n);
	struct slice host = text;
	struct slice port = { 0 };

	if (open && !close)
		return -EINVAL;
	if (close) {
		host = slice_make(open + 1, (size_t)(close - open - 1));
		port = slice_skip(text, (size_t)(close + 1 - text.p));
		if (port.n > 0 && port.p[0] != ':')
			return -EINVAL;
	} else if (colon && !memchr(colon + 1, ':',
	                            text.n - (size_t)(colon + 1 - text.p))) {
		host.n = (size_t)(colon - text.p);
		port = slice_skip(text, host.n);
	}
	if (host.n == 0 || host.n >= sizeof(asked->host))
		return -EINVAL;
	memcpy(asked->host, host.p, host.n);
	asked->host[host.n] = '\0';
	return port.n > 0 ? read_port(slice_skip(port, 1), &asked->port) : 0;
}

static int read_address(struct asked *asked, const char *address,
                        struct err *err)
{
	struct slice text = slice_trim(slice_from(address));
	int r = -EINVAL;

	*asked = (struct asked){ .port = 0 };
	if (text.n > 0 && text.n < sizeof(asked->text)) {
		memcpy(asked->text, text.p, text.n);
		asked->text[text.n] = '\0';
		r = split(asked, authority_of(asked->text, &asked->url));
	}
	if (r < 0)
		return err_set(err, r,
		               "it is to be HOST:PORT, HOST, or a URL, not "
		               "\"%.64s\"",
		               address);
	return 0;
}

/* --- one thing --------------------------------------------------------------------- */

static void add_line(struct buf *lines, const char *format, va_list args)
	PRINTF_LIKE(2, 0);
static void add_line(struct buf *lines, const char *format, va_list args)
{
	(void)buf_vprintf(lines, format, args);
	(void)buf_putc(lines, '\n');
}

static void problem(struct explaining *explaining, const char *format, ...)
	PRINTF_LIKE(2, 3);
static void problem(struct explaining *explaining, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	add_line(&explaining->problems, format, args);
	va_end(args);
}

static void note(struct explaining *explaining, const char *format, ...)
	PRINTF_LIKE(2, 3);
static void note(struct explaining *explaining, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	add_line(&explaining->notes, format, args);
	va_end(args);
}

static void write_lines(struct json_writer *json, const char *name,
                        const struct buf *lines)
{
	struct slice rest = buf_slice(lines);
	struct slice line;

	json_write_key(json, name);
	json_write_array(json);
	while (slice_next(&rest, '\n', &line))
		json_write_slice(json, line);
	json_write_array_end(json);
	/* a problem that was lost would be none */
	if (lines->failed == -ENOMEM)
		json->buf->failed = lines->failed;
}

static void begin_thing(struct explaining *explaining)
{
	buf_reset(&explaining->problems);
	buf_reset(&explaining->notes);
	explaining->doubtful = false;
}

static void write_thing(struct explaining *explaining,
                        const struct object *object, const struct object *shard,
                        const char *job)
{
	struct json_writer *json = explaining->json;
	char title[OBJECT_TITLE_MAX];
	bool scraped = explaining->problems.n == 0;

	if (++explaining->n_found > EXPLAIN_TARGET_MAX)
		return;
	explaining->n_scraped += scraped && !explaining->doubtful;
	explaining->n_doubtful += scraped && explaining->doubtful;
	json_write_object(json);
	json_write_key(json, "kind");
	json_write_string(json, kinds[object_kind(object)].name);
	json_write_key(json, "id");
	json_write_u64(json, object_id(object));
	json_write_key(json, "title");
	json_write_string(json, object_title(object, title));
	json_write_key(json, "shard");
	json_write_string(json, shard ? object_text(shard, SHARD_NAME) : NULL);
	json_write_key(json, "job");
	json_write_string(json, job);
	json_write_key(json, "scraped");
	json_write_bool(json, scraped);
	write_lines(json, "problems", &explaining->problems);
	write_lines(json, "notes", &explaining->notes);
	json_write_object_end(json);
}

/* --- shards and servers ------------------------------------------------------------- */

static void look_at_server(struct explaining *explaining,
                           const struct object *server)
{
	const struct explain_target *what = explaining->what;
	const char *words = what->server_words(what->context, server);
	char title[OBJECT_TITLE_MAX];

	(void)object_title(server, title);
	if (words && !*words) {
		note(explaining, "%s is in sync", title);
		return;
	}
	explaining->doubtful = true;
	note(explaining, "%s: %s", title,
	     words ? words
	           : "no worker has told anything of it; if it fetches by "
	             "itself (http_sd_configs), ask its /api/v1/targets");
}

static void look_at_shard(struct explaining *explaining,
                          const struct object *shard)
{
	const char *name;

	if (!shard) {
		problem(explaining, "it is on no shard");
		return;
	}
	name = object_text(shard, SHARD_NAME);
	if (!object_number(shard, SHARD_ENABLED))
		note(explaining,
		     "shard %s is not enabled; it is handed out all the same",
		     name);
	if (object_n_children(shard, KIND_SERVER, SERVER_SHARD) == 0)
		problem(explaining,
		        "shard %s has no Prometheus server: bouncer "
		        "register-server %s HOST PORT",
		        name, name);
	OBJECT_FOR_EACH(server, shard, KIND_SERVER, SERVER_SHARD)
	look_at_server(explaining, server);
}

/* --- hosts ------------------------------------------------------------------------------ */

static bool same_host(const char *a, const char *b)
{
	return strcasecmp(a, b) == 0;
}

/* "node on 9100, app on 8080" */
static void append_ports(struct buf *out, const struct object *project)
{
	size_t n = 0;

	OBJECT_FOR_EACH(exporter, project, KIND_EXPORTER, EXPORTER_PROJECT)
	{
		if (n++ == PORTS_MAX) {
			(void)buf_puts(out, " and others");
			return;
		}
		(void)buf_printf(out, "%s%s on %" PRId64, n > 1 ? ", " : "",
		                 object_text(exporter, EXPORTER_JOB),
		                 object_number(exporter, EXPORTER_PORT));
	}
}

static void no_exporter(struct explaining *explaining,
                        const struct object *project)
{
	const char *name = object_text(project, PROJECT_NAME);
	struct buf ports;

	buf_init(&ports, WORDS_MAX);
	append_ports(&ports, project);
	if (ports.failed == -ENOMEM)
		explaining->problems.failed = ports.failed;
	else if (ports.n == 0)
		problem(explaining,
		        "project %s has no exporter: bouncer "
		        "register-job %s JOB PORT --enabled",
		        name, name);
	else
		problem(explaining,
		        "project %s has no exporter on port %" PRId64
		        ", but %s",
		        name, explaining->asked.port, buf_text(&ports));
	buf_fini(&ports);
}

static void explain_exporter(struct explaining *explaining,
                             const struct object *host,
                             const struct object *exporter)
{
	const struct object *project = object_ref(exporter, EXPORTER_PROJECT);
	const struct object *shard = object_ref(project, PROJECT_SHARD);
	const char *job = object_text(exporter, EXPORTER_JOB);
	const char *path = object_text(exporter, EXPORTER_PATH);
	char title[OBJECT_TITLE_MAX];

	begin_thing(explaining);
	note(explaining, "%s", object_title(host, title));
	note(explaining, "it is asked for %s://%s:%" PRId64 "%s",
	     object_text(exporter, EXPORTER_SCHEME),
	     object_text(host, HOST_NAME),
	     object_number(exporter, EXPORTER_PORT), *path ? path : "/metrics");
	if (!object_number(exporter, EXPORTER_ENABLED))
		problem(explaining, "the exporter is disabled");
	look_at_shard(explaining, shard);
	write_thing(explaining, exporter, shard, job);
}

static void explain_host(struct explaining *explaining,
                         const struct object *host)
{
	const struct object *farm = object_ref(host, HOST_FARM);
	const struct object *project =
		farm ? object_ref(farm, FARM_PROJECT) : NULL;
	bool found = false;

	if (project) {
		OBJECT_FOR_EACH(exporter, project, KIND_EXPORTER,
		                EXPORTER_PROJECT)
		{
			if (explaining->asked.port &&
			    object_number(exporter, EXPORTER_PORT) !=
			            explaining->asked.port)
				continue;
			found = true;
			explain_exporter(explaining, host, exporter);
		}
	}
	if (found)
		return;
	begin_thing(explaining);
	if (project)
		no_exporter(explaining, project);
	else
		problem(explaining, "its farm belongs to no project");
	write_thing(explaining, host,
	            project ? object_ref(project, PROJECT_SHARD) : NULL, NULL);
}

static void explain_hosts(struct explaining *explaining)
{
	MODEL_FOR_EACH(host, explaining->what->model, KIND_HOST)
	{
		if (same_host(object_text(host, HOST_NAME),
		              explaining->asked.host))
			explain_host(explaining, host);
	}
}

/* --- nodes and URLs ----------------------------------------------------------------------- */

static void explain_nodes(struct explaining *explaining)
{
	MODEL_FOR_EACH(node, explaining->what->model, KIND_NODE)
	{
		int64_t port = object_number(node, NODE_PORT);
		struct object *shard = object_ref(node, NODE_SHARD);

		if (!same_host(object_text(node, NODE_IP),
		               explaining->asked.host))
			continue;
		begin_thing(explaining);
		if (object_number(node, NODE_DELETED))
			problem(explaining, "the node was deleted");
		if (explaining->asked.port && explaining->asked.port != port)
			problem(explaining, "the node is on port %" PRId64,
			        port);
		look_at_shard(explaining, shard);
		write_thing(explaining, node, shard, "node");
	}
}

/* A URL itself, or those on the host that was named. */
static bool is_meant(const struct asked *asked, const char *url)
{
	struct asked other;
	bool is_url;

	if (asked->url)
		return strcmp(url, asked->text) == 0;
	other = (struct asked){ .port = 0 };
	if (split(&other, authority_of(url, &is_url)) < 0)
		return false;
	if (!other.port)
		other.port =
			strncmp(url, "https:", 6) == 0 ? HTTPS_PORT : HTTP_PORT;
	return same_host(other.host, asked->host) &&
	       (!asked->port || asked->port == other.port);
}

static void explain_urls(struct explaining *explaining)
{
	MODEL_FOR_EACH(url, explaining->what->model, KIND_URL)
	{
		const struct object *project = object_ref(url, URL_PROJECT);
		const struct object *probe = object_ref(url, URL_PROBE);
		const struct object *shard =
			project ? object_ref(project, PROJECT_SHARD) : NULL;

		if (!is_meant(&explaining->asked, object_text(url, URL_URL)))
			continue;
		begin_thing(explaining);
		if (probe)
			note(explaining,
			     "the blackbox exporter probes it by module %s",
			     object_text(probe, PROBE_MODULE));
		look_at_shard(explaining, shard);
		write_thing(explaining, url, shard,
		            probe ? object_text(probe, PROBE_MODULE) : NULL);
	}
}

/* --- the whole of it ------------------------------------------------------------------------- */

struct near {
	const char *names[NEAR_MAX];
	unsigned distances[NEAR_MAX];
	size_t n;
};

/* Keeps the nearest few, the nearest first. */
static void note_near(struct near *near, const char *name, unsigned distance)
{
	size_t at = near->n;

	for (size_t i = 0; i < near->n; i++) {
		if (strcmp(near->names[i], name) == 0)
			return;
	}
	while (at > 0 && near->distances[at - 1] > distance)
		at--;
	if (at == NEAR_MAX)
		return;
	near->n = MIN(near->n + 1, (size_t)NEAR_MAX);
	for (size_t i = near->n - 1; i > at; i--) {
		near->names[i] = near->names[i - 1];
		near->distances[i] = near->distances[i - 1];
	}
	near->names[at] = name;
	near->distances[at] = distance;
}

static void find_near(const struct explaining *explaining, struct near *near)
{
	struct slice host = slice_from(explaining->asked.host);

	MODEL_FOR_EACH(each, explaining->what->model, KIND_HOST)
	{
		const char *name = object_text(each, HOST_NAME);
		unsigned distance = text_distance(slice_from(name), host, FAR);

		if (distance < FAR)
			note_near(near, name, distance);
	}
}

static void write_near(struct explaining *explaining)
{
	struct near near = { .n = 0 };

	if (explaining->n_found == 0)
		find_near(explaining, &near);
	json_write_key(explaining->json, "near");
	json_write_array(explaining->json);
	for (size_t i = 0; i < near.n; i++)
		json_write_string(explaining->json, near.names[i]);
	json_write_array_end(explaining->json);
}

static const char *verdict_of(const struct explaining *explaining,
                              const char **summaryp)
{
	if (explaining->n_found == 0) {
		*summaryp = explaining->asked.url
		                    ? "no project has that URL"
		                    : "there is neither a host nor a node of "
		                      "that name: bouncer register-host "
		                      "PROJECT HOST";
		return "not_found";
	}
	if (explaining->n_scraped > 0) {
		*summaryp = "it is handed out, and the servers of its shard "
			    "have it";
		return "scraped";
	}
	if (explaining->n_doubtful > 0) {
		*summaryp = "it is handed out, but not all servers are known "
			    "to have it";
		return "doubtful";
	}
	*summaryp = "it is known, but not handed out";
	return "not_scraped";
}

static void explain_all(struct explaining *explaining)
{
	struct json_writer *json = explaining->json;
	const char *verdict;
	const char *summary;

	json_write_object(json);
	json_write_key(json, "address");
	json_write_string(json, explaining->asked.text);
	json_write_key(json, "found");
	json_write_array(json);
	if (!explaining->asked.url) {
		explain_hosts(explaining);
		explain_nodes(explaining);
	}
	explain_urls(explaining);
	json_write_array_end(json);
	verdict = verdict_of(explaining, &summary);
	json_write_key(json, "n_found");
	json_write_u64(json, explaining->n_found);
	json_write_key(json, "verdict");
	json_write_string(json, verdict);
	json_write_key(json, "summary");
	json_write_string(json, summary);
	write_near(explaining);
	json_write_object_end(json);
}

int explain_target(const struct explain_target *explain, const char *address,
                   struct json_writer *json, struct err *err)
{
	struct explaining explaining = { .what = explain, .json = json };
	int r = read_address(&explaining.asked, address, err);

	if (r < 0)
		return r;
	buf_init(&explaining.problems, WORDS_MAX);
	buf_init(&explaining.notes, WORDS_MAX);
	explain_all(&explaining);
	buf_fini(&explaining.problems);
	buf_fini(&explaining.notes);
	return 0;
}
