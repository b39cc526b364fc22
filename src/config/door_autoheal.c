/* SPDX-License-Identifier: Apache-2.0 */
#include "config/door_options.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "base/number.h"
#include "base/text.h"

#define INTERVAL_MS     5000
#define STOP_TIMEOUT_MS 10000
#define RESYNC_MIN_MS   1000
#define LABEL           "autoheal"
#define ENDPOINT_MAX    512
#define SOCKET          "/var/run/docker.sock"
#define CERTS           "/certs"
#define TMKNIGHT_CERTS  "/opt/docker-autoheal/tls"

enum {
	/* willfarrell's */
	CONTAINER_LABEL,
	INTERVAL,
	START_PERIOD,
	DEFAULT_STOP_TIMEOUT,
	ONLY_RUNNING,
	DOCKER_SOCK,
	CURL_TIMEOUT,
	WEBHOOK_URL,
	WEBHOOK_JSON_KEY,
	APPRISE_URL,
	POST_RESTART_SCRIPT,
	/* tmknight's, where they differ */
	CONNECTION_TYPE,
	STOP_TIMEOUT,
	START_DELAY,
	MONITOR_ALL,
	LOG_ALL,
	LOG_PERSIST,
	POST_ACTION,
	TCP_HOST,
	TCP_PORT,
	TCP_TIMEOUT,
	PEM_PATH,
	OWN_APPRISE_URL,
	OWN_WEBHOOK_URL,
	OWN_WEBHOOK_KEY,
	/* deunhealth's */
	DOCKER_HOST,
	N_OPTIONS,
};

static const struct door_option options[N_OPTIONS] = {
	[CONTAINER_LABEL] = { .variable = "AUTOHEAL_CONTAINER_LABEL" },
	[INTERVAL] = { .variable = "AUTOHEAL_INTERVAL",
	               .flag = "interval",
	               .letter = 'i' },
	[START_PERIOD] = { .variable = "AUTOHEAL_START_PERIOD" },
	[DEFAULT_STOP_TIMEOUT] = { .variable =
	                                   "AUTOHEAL_DEFAULT_STOP_TIMEOUT" },
	[ONLY_RUNNING] = { .variable = "AUTOHEAL_ONLY_MONITOR_RUNNING" },
	[DOCKER_SOCK] = { .variable = "DOCKER_SOCK" },
	[CURL_TIMEOUT] = { .variable = "CURL_TIMEOUT",
	                   .lost = "a restart may take as long "
	                           "as the container "
	                           "needs to stop" },
	[WEBHOOK_URL] = { .variable = "WEBHOOK_URL" },
	[WEBHOOK_JSON_KEY] = { .variable = "WEBHOOK_JSON_KEY" },
	[APPRISE_URL] = { .variable = "APPRISE_URL" },
	[POST_RESTART_SCRIPT] = { .variable = "POST_RESTART_SCRIPT" },
	[CONNECTION_TYPE] = { .variable = "AUTOHEAL_CONNECTION_TYPE",
	                      .flag = "connection-type",
	                      .letter = 'c' },
	[STOP_TIMEOUT] = { .variable = "AUTOHEAL_STOP_TIMEOUT",
	                   .flag = "stop-timeout",
	                   .letter = 's' },
	[START_DELAY] = { .variable = "AUTOHEAL_START_DELAY",
	                  .flag = "start-delay",
	                  .letter = 'd' },
	[MONITOR_ALL] = { .variable = "AUTOHEAL_MONITOR_ALL",
	                  .flag = "monitor-all",
	                  .letter = 'm',
	                  .boolean = true },
	[LOG_ALL] = { .variable = "AUTOHEAL_LOG_ALL",
	              .flag = "log-all",
	              .letter = 'l',
	              .boolean = true,
	              .lost = "bouncer journal tells of everything" },
	[LOG_PERSIST] = { .variable = "AUTOHEAL_LOG_PERSIST",
	                  .flag = "log-persist",
	                  .letter = 'L',
	                  .boolean = true,
	                  .lost = "the log goes to standard error; see bouncer "
	                          "journal" },
	[POST_ACTION] = { .variable = "AUTOHEAL_POST_ACTION",
	                  .flag = "post-action",
	                  .letter = 'P' },
	[TCP_HOST] = { .variable = "AUTOHEAL_TCP_HOST",
	               .flag = "tcp-host",
	               .letter = 'n' },
	[TCP_PORT] = { .variable = "AUTOHEAL_TCP_PORT",
	               .flag = "tcp-port",
	               .letter = 'p' },
	[TCP_TIMEOUT] = { .variable = "AUTOHEAL_TCP_TIMEOUT",
	                  .flag = "tcp-timeout",
	                  .letter = 't',
	                  .lost = "each request has a limit that fits it" },
	[PEM_PATH] = { .variable = "AUTOHEAL_PEM_PATH",
	               .flag = "key-path",
	               .letter = 'k' },
	[OWN_APPRISE_URL] = { .variable = "AUTOHEAL_APPRISE_URL",
	                      .flag = "apprise-url",
	                      .letter = 'a' },
	[OWN_WEBHOOK_URL] = { .variable = "AUTOHEAL_WEBHOOK_URL",
	                      .flag = "webhook-url",
	                      .letter = 'w' },
	[DOCKER_HOST] = { .variable = "DOCKER_HOST", .flag = "docker-host" },
	[OWN_WEBHOOK_KEY] = { .variable = "AUTOHEAL_WEBHOOK_KEY",
	                      .flag = "webhook-key",
	                      .letter = 'j' },
};

static const struct door_table table = { .prefixes = { "AUTOHEAL_" },
	                                 .options = options,
	                                 .n = N_OPTIONS,
	                                 .command = "autoheal" };

struct settings {
	char endpoint[ENDPOINT_MAX];
	const char *certs; /* NULL: no TLS */
	bool certs_tmknight;
	const char *label; /* "all": every container */
	uint64_t interval_ms;
	uint64_t grace_ms;
	uint64_t stop_timeout_ms;
};

static const struct door_value *either(const struct door_value *values,
                                       size_t one, size_t other)
{
	return values[one].text ? &values[one] : &values[other];
}

/* --- where ----------------------------------------------------------------- */

static int set_endpoint(struct settings *settings, struct err *err,
                        const char *format, ...) PRINTF_LIKE(3, 4);

static int set_endpoint(struct settings *settings, struct err *err,
                        const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(settings->endpoint, ENDPOINT_MAX, format, args);
	va_end(args);
	if (n < ENDPOINT_MAX)
		return 0;
	return err_set(err, -EINVAL, "the engine's address is too long");
}

/* DOCKER_SOCK: a path, tcp://…, tcps://… */
static int read_sock(const struct door_value *values, struct settings *settings,
                     struct err *err)
{
	static const char tcps[] = "tcps://";
	const char *text = either(values, DOCKER_SOCK, DOCKER_HOST)->text;

	if (!text)
		text = SOCKET;
	if (strncmp(text, tcps, strlen(tcps)) != 0)
		return set_endpoint(settings, err, "%s", text);
	settings->certs = CERTS;
	return set_endpoint(settings, err, "https://%s", text + strlen(tcps));
}

/* tmknight's way to say it. */
static int read_connection(const struct door_value *values,
                           struct settings *settings, struct err *err)
{
	const char *type = values[CONNECTION_TYPE].text;
	const char *host = values[TCP_HOST].text;
	const char *port = values[TCP_PORT].text;
	bool ssl = slice_is_nocase(slice_from(type), "ssl");

	if (slice_is_nocase(slice_from(type), "local") ||
	    slice_is_nocase(slice_from(type), "socket"))
		return read_sock(values, settings, err);
	if (!ssl && !slice_is_nocase(slice_from(type), "http"))
		return err_set(err, -EINVAL,
		               "%s%s: \"%.64s\" is not one of local, socket, "
		               "http, ssl",
		               values[CONNECTION_TYPE].flag ? "-" : "",
		               values[CONNECTION_TYPE].origin, type);
	if (ssl) {
		settings->certs = values[PEM_PATH].text ? values[PEM_PATH].text
		                                        : TMKNIGHT_CERTS;
		settings->certs_tmknight = true;
	}
	return set_endpoint(settings, err, "%s://%s:%s", ssl ? "https" : "tcp",
	                    host ? host : "localhost",
	                    port ? port : (ssl ? "2376" : "2375"));
}

/* --- what ------------------------------------------------------------------ */

static int read_label(struct door *door, const struct door_value *values,
                      struct settings *settings, struct err *err)
{
	bool all = false;
	bool running = true;
	int r = door_bool(&values[MONITOR_ALL], &all, err);

	if (r == 0)
		r = door_bool(&values[ONLY_RUNNING], &running, err);
	if (r < 0)
		return r;
	settings->label = values[CONTAINER_LABEL].text;
	if (!settings->label)
		settings->label = LABEL;
	if (all)
		settings->label = "all";
	if (!running)
		door_warn(door,
		          "%s: has no effect: what is paused or stopped "
		          "is left alone",
		          values[ONLY_RUNNING].origin);
	return 0;
}

static int read_settings(struct door *door, const struct door_value *values,
                         struct settings *settings, struct err *err)
{
	int r = values[CONNECTION_TYPE].text
	                ? read_connection(values, settings, err)
	                : read_sock(values, settings, err);

	if (r == 0)
		r = read_label(door, values, settings, err);
	if (r == 0)
		r = door_time(&values[INTERVAL], 1000, &settings->interval_ms,
		              err);
	if (r == 0)
		r = door_time(either(values, START_PERIOD, START_DELAY), 1000,
		              &settings->grace_ms, err);
	if (r == 0)
		r = door_time(
			either(values, STOP_TIMEOUT, DEFAULT_STOP_TIMEOUT),
			1000, &settings->stop_timeout_ms, err);
	return r;
}

/* --- the text: global ------------------------------------------------------ */

static void write_file(struct door *door, const char *key, const char *folder,
                       const char *name)
{
	char path[ENDPOINT_MAX];

	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	door_put_text(door, key, path);
}

static void write_global(struct door *door, const struct settings *settings)
{
	bool tmknight = settings->certs_tmknight;
	struct buf *out = &door->text;

	(void)buf_puts(out, "# bouncer autoheal: as docker-autoheal, at once "
	                    "instead of every interval\n"
	                    "global:\n");
	door_put_text(door, "  socket_docker", settings->endpoint);
	if (settings->certs) {
		write_file(door, "  tls_ca", settings->certs, "ca.pem");
		write_file(door, "  tls_cert", settings->certs,
		           tmknight ? "cert.pem" : "client-cert.pem");
		write_file(door, "  tls_key", settings->certs,
		           tmknight ? "key.pem" : "client-key.pem");
	}
	(void)buf_puts(out, "  addr: none\n");
	door_put_time(door, "  resync_interval",
	              MAX(settings->interval_ms, RESYNC_MIN_MS));
	(void)buf_puts(out, "  storm_share: 0\n"
	                    "  max_bounces: 0\n"
	                    "  backoff_factor: 1\n");
	door_put_time(door, "  start_grace", settings->grace_ms);
	door_put_time(door, "  cooldown", settings->interval_ms);
}

/* --- the text: notifications ----------------------------------------------- */

static void write_body(struct door *door, const char *key)
{
	struct buf body;

	buf_init(&body, DOOR_TEXT_MAX);
	(void)buf_puts(&body, "{\"");
	text_escape_json(&body, slice_from(key));
	(void)buf_puts(&body, "\": \"{{ message }}\"}");
	(void)buf_puts(&door->text, "    body: ");
	door_quote(door, buf_slice(&body));
	(void)buf_putc(&door->text, '\n');
	if (body.failed)
		door->text.failed = body.failed;
	buf_fini(&body);
}

static void write_webhook(struct door *door, const struct door_value *values)
{
	const char *url = either(values, WEBHOOK_URL, OWN_WEBHOOK_URL)->text;
	const char *key =
		either(values, WEBHOOK_JSON_KEY, OWN_WEBHOOK_KEY)->text;

	if (!url)
		return;
	(void)buf_puts(&door->text, "  - name: webhook\n");
	door_put_text(door, "    url", url);
	write_body(door, key ? key : "text");
	(void)buf_puts(&door->text, "    events: [bounced]\n");
}

static void write_apprise(struct door *door, const struct door_value *values)
{
	const char *url = either(values, APPRISE_URL, OWN_APPRISE_URL)->text;

	if (!url)
		return;
	(void)buf_puts(&door->text, "  - name: apprise\n");
	door_put_text(door, "    url", url);
	(void)buf_puts(&door->text, "    preset: apprise\n"
	                            "    body: '{\"title\": \"Autoheal\", "
	                            "\"body\": \"{{ message }}\"}'\n"
	                            "    events: [bounced]\n");
}

static void write_notifications(struct door *door,
                                const struct door_value *values)
{
	if (!either(values, WEBHOOK_URL, OWN_WEBHOOK_URL)->text &&
	    !either(values, APPRISE_URL, OWN_APPRISE_URL)->text)
		return;
	(void)buf_puts(&door->text, "notifications:\n");
	write_webhook(door, values);
	write_apprise(door, values);
}

/* --- the text: the rule ----------------------------------------------------- */

/* autoheal-rs has NAME=VALUE, too. */
static void write_select(struct door *door, const char *label)
{
	struct buf *out = &door->text;

	if (strcmp(label, "all") == 0)
		return;
	(void)buf_puts(out, "    select:\n");
	if (strcmp(label, LABEL) == 0) {
		(void)buf_puts(
			out,
			"      any_label:\n"
			"        - \"autoheal?\"\n"
			"        - \"autoheal.monitor.enable?\"\n"
			"        - \"deunhealth.restart.on.unhealthy?\"\n");
		return;
	}
	(void)buf_puts(out, "      label: [\"");
	text_escape_json(out, slice_from(label));
	(void)buf_puts(out, strchr(label, '=') ? "\"]\n" : "?\"]\n");
}

static void write_after(struct door *door, const struct door_value *values)
{
	const char *script = values[POST_RESTART_SCRIPT].text;
	const char *slash = "/";
	const char *state = "      - running\n";

	if (!script) {
		script = values[POST_ACTION].text;
		slash = state = "";
	}
	if (!script)
		return;
	(void)buf_puts(&door->text, "    after:\n      - ");
	door_quote(door, slice_from(script));
	(void)buf_printf(&door->text,
	                 "\n"
	                 "      - \"%s{{ container }}\"\n"
	                 "      - \"{{ short_id }}\"\n"
	                 "%s"
	                 "      - \"{{ stop_timeout }}\"\n",
	                 slash, state);
}

static void write_text(struct door *door, const struct door_value *values,
                       const struct settings *settings)
{
	struct buf *out = &door->text;

	write_global(door, settings);
	write_notifications(door, values);
	(void)buf_puts(out, "monitors:\n"
	                    "  - name: autoheal\n"
	                    "    watch: health\n"
	                    "    type: docker\n");
	write_select(door, settings->label);
	(void)buf_puts(out,
	               "    opt_out: autoheal=false, autoheal.monitor.enable="
	               "false, autoheal.restart.enable=false, bouncer.ignore\n"
	               "    include: [swarm, auto_remove, own_action]\n"
	               "    max_containers: 20000\n");
	door_put_time(door, "    stop_timeout", settings->stop_timeout_ms);
	(void)buf_puts(out, "    stop_timeout_label: autoheal.stop.timeout\n"
	                    "    stop_timeout_label_unit: s\n");
	write_after(door, values);
	(void)buf_puts(out, "    steps:\n"
	                    "      - type: restart\n");
}

int door_autoheal(struct door *door, int argc, char *const *argv,
                  const char *const *envp, struct err *err)
{
	struct door_value values[N_OPTIONS] = { 0 };
	struct settings settings = { .interval_ms = INTERVAL_MS,
		                     .stop_timeout_ms = STOP_TIMEOUT_MS };
	int r = door_begin(door, &table, argc, argv, envp, values, err);

	if (r == 0 && !door->help)
		r = read_settings(door, values, &settings, err);
	if (r == 0 && !door->help)
		write_text(door, values, &settings);
	return door_end(door, r, err);
}
