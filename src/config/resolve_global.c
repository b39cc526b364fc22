/* SPDX-License-Identifier: Apache-2.0 */
#include "config/resolve.h"

#include "base/text.h"

#define MINUTE_MS     UINT64_C(60000)
#define RESYNC_MIN_MS 1000
#define HOST_MAX      255 /* bytes */

static const struct config_global defaults = {
	.check_interval_ms = MINUTE_MS,
	.fetch_timeout_ms = 10000,
	.max_body = 64u << 20,
	.log_level = LOG_LEVEL_INFO,
	.log_format = LOG_FORMAT_LOGFMT,
	.socket_docker = "/var/run/docker.sock",
	.push_gw = "http://localhost:9091",
	.addr = ":9090",
	.state_dir = "/var/lib/bouncer",
	.max_parallel = 64,
	.max_connections = 512,
	.journal_size = 1000,
	.storm_share = 50,
	.storm_min = 5,
	.storm_window_ms = 5 * MINUTE_MS,
	.shutdown_timeout_ms = 30000,
	.resync_ms = MINUTE_MS,
};

/* --- overrides ----------------------------------------------------------- */

/* The index of a key of `global`; of the end if there is none of that name. */
static size_t key_index(const char *key)
{
	size_t i = 0;

	while (schema_global[i].key &&
	       !slice_is(slice_from(key), schema_global[i].key))
		i++;
	return i;
}

static const char **key_text(struct raw_global *raw, size_t index)
{
	return (const char **)(void *)((char *)raw +
	                               schema_global[index].data_offset);
}

/* `port` is `addr`, whoever says it: one replaces the other. */
static const char **twin(struct raw_global *raw, const char *const *text)
{
	if (text == &raw->addr)
		return &raw->port;
	return text == &raw->port ? &raw->addr : NULL;
}

/* The first that names a key wins: so they are put in from the last on. */
static void apply_overrides(struct resolve *resolve, struct raw_global *raw,
                            const struct config_override **replaced)
{
	for (size_t i = resolve->n_overrides; i-- > 0;) {
		const struct config_override *override = &resolve->overrides[i];
		size_t index = key_index(override->key);
		const char **text = key_text(raw, index);
		const char **other = twin(raw, text);

		if (text_equal(override->key, CONFIG_REGISTRY_ENABLED))
			continue; /* resolve_registry() looks for it */
		if (!schema_global[index].key) {
			struct place place = { .origin = override->origin };

			problem_at(resolve->problems, &place,
			           "there is no key global.%s", override->key);
			continue;
		}
		if (override->fallback && (*text || (other && *other)))
			continue;
		*text = override->value;
		if (other)
			*other = NULL;
		replaced[index] = override;
	}
}

/* --- the section --------------------------------------------------------- */

static void read_addr(struct resolve *resolve, const struct reader *reader,
                      const struct raw_global *raw)
{
	const char *key = raw->addr ? "addr" : "port";
	const char *text = raw->addr ? raw->addr : raw->port;

	if (raw->addr && raw->port)
		reader_problem(reader, "port",
		               "is the old spelling of addr, which is given "
		               "too; keep addr");
	if (text && slice_is(slice_from(text), "none"))
		resolve->global.addr = NULL;
	else if (read_listen(reader, key, text))
		resolve->global.addr = resolve_text(resolve, text);
	else
		resolve->global.addr = resolve_text(resolve, defaults.addr);
}

static void read_state_dir(struct resolve *resolve, const struct reader *reader,
                           const char *text)
{
	if (!text)
		text = defaults.state_dir;
	if (text[0] == '\0')
		reader_problem(reader, "state_dir",
		               "is empty; give a directory or none");
	resolve->global.state_dir = slice_is(slice_from(text), "none")
	                                    ? NULL
	                                    : resolve_text(resolve, text);
}

/* Where metrics are asked for, and actions that others wrote are found. */
static void read_metrics(struct resolve *resolve, const struct reader *reader,
                         const struct raw_global *raw)
{
	struct slice dir = slice_from(raw->plugin_dir);

	if (!slice_is(slice_from(raw->prometheus), "none"))
		(void)resolve_servers(resolve, reader, "prometheus",
		                      raw->prometheus,
		                      &resolve->defaults.servers);
	if (!raw->plugin_dir || slice_is(dir, "none"))
		return;
	if (dir.n == 0 || dir.p[0] != '/' || !text_is_printable(dir))
		reader_value(reader, "plugin_dir", raw->plugin_dir,
		             "is not a directory; it begins with /, or is "
		             "none");
	resolve->global.plugin_dir = resolve_text(resolve, raw->plugin_dir);
}

static void read_log(const struct reader *reader, const struct raw_global *raw,
                     struct config_global *global)
{
	if (raw->log_level &&
	    log_level_parse(slice_from(raw->log_level), &global->log_level) < 0)
		reader_value(reader, "log_level", raw->log_level,
		             "is not a log level; use debug, info, warn or "
		             "error");
	if (raw->log_format && log_format_parse(slice_from(raw->log_format),
	                                        &global->log_format) < 0)
		reader_value(reader, "log_format", raw->log_format,
		             "is not a log format; use logfmt, json or plain");
}

static void read_addresses(struct resolve *resolve, const struct reader *reader,
                           const struct raw_global *raw)
{
	struct config_global *global = &resolve->global;

	(void)read_endpoint(reader, "socket_docker", raw->socket_docker, true);
	(void)read_endpoint(reader, "socket_podman", raw->socket_podman, true);
	(void)read_endpoint(reader, "socket_lxd", raw->socket_lxd, false);
	(void)read_endpoint(reader, "socket_incus", raw->socket_incus, false);
	(void)read_gateway(reader, "push_gw", raw->push_gw);

	global->socket_docker = resolve_text(
		resolve, raw->socket_docker ? raw->socket_docker
					    : defaults.socket_docker);
	global->socket_podman = resolve_text(resolve, raw->socket_podman);
	global->socket_lxd = resolve_text(resolve, raw->socket_lxd);
	global->socket_incus = resolve_text(resolve, raw->socket_incus);
	global->push_gw = resolve_text(
		resolve, raw->push_gw ? raw->push_gw : defaults.push_gw);
	read_addr(resolve, reader, raw);
	if (!global->addr && raw->push_gw && config_is_builtin(raw->push_gw))
		reader_problem(reader, "push_gw",
		               "builtin is pushed to on addr, which is none; "
		               "give addr an address");
	read_state_dir(resolve, reader, raw->state_dir);
}

static void read_limits(const struct reader *reader,
                        const struct raw_global *raw,
                        struct config_global *global)
{
	(void)read_size(reader, "max_body", raw->max_body, 1u << 10, 1u << 30,
	                &global->max_body);
	(void)read_number(reader, "max_parallel", raw->max_parallel, 1, 10000,
	                  &global->max_parallel);
	(void)read_number(reader, "max_connections", raw->max_connections, 1,
	                  65535, &global->max_connections);
	(void)read_number(reader, "journal_size", raw->journal_size, 1, 1000000,
	                  &global->journal_size);
	(void)read_number(reader, "storm_share", raw->storm_share, 0, 100,
	                  &global->storm_share);
	(void)read_number(reader, "storm_min", raw->storm_min, 1,
	                  CONFIG_MAX_MONITORS, &global->storm_min);
}

/* What concerns the engines and whom we tell. */
static void read_outside(struct resolve *resolve, const struct reader *reader,
                         const struct raw_global *raw)
{
	struct config_global *global = &resolve->global;
	struct slice host = slice_from(raw->host);

	(void)read_duration(reader, "resync_interval", raw->resync_interval,
	                    RESYNC_MIN_MS, &global->resync_ms);
	(void)read_bool(reader, "container_labels", raw->container_labels,
	                &global->container_labels);
	if (raw->host &&
	    (host.n == 0 || host.n > HOST_MAX || !text_is_printable(host)))
		reader_value(reader, "host", raw->host,
		             "is not a name of 1 to %d bytes", HOST_MAX);
	global->host = resolve_text(resolve, raw->host);
	global->tls_ca = resolve_file(resolve, reader, "tls_ca", raw->tls_ca);
	global->tls_cert =
		resolve_file(resolve, reader, "tls_cert", raw->tls_cert);
	global->tls_key =
		resolve_file(resolve, reader, "tls_key", raw->tls_key);
	if (raw->tls_cert && !raw->tls_key)
		reader_problem(reader, "tls_cert",
		               "needs tls_key: the key of the certificate");
	if (raw->tls_key && !raw->tls_cert)
		reader_problem(reader, "tls_key",
		               "needs tls_cert: the certificate of the key");
}

void resolve_global(struct resolve *resolve, struct raw_global *raw)
{
	struct place place = { .up = &resolve->root, .key = "global" };
	struct config_global *global = &resolve->global;
	const struct config_override *replaced[SCHEMA_MAX_KEYS] = { 0 };
	struct reader reader = { .problems = resolve->problems,
		                 .place = &place,
		                 .replaced = replaced };

	*global = defaults;
	apply_overrides(resolve, raw, replaced);

	(void)read_duration(&reader, "check_interval", raw->check_interval, 1,
	                    &global->check_interval_ms);
	(void)read_duration(&reader, "fetch_timeout", raw->fetch_timeout, 1,
	                    &global->fetch_timeout_ms);
	(void)read_duration(&reader, "storm_window", raw->storm_window, 1,
	                    &global->storm_window_ms);
	(void)read_duration(&reader, "shutdown_timeout", raw->shutdown_timeout,
	                    0, &global->shutdown_timeout_ms);
	(void)read_bool(&reader, "dry_run", raw->dry_run,
	                &resolve->defaults.dry_run);
	(void)read_bool(&reader, "paused", raw->paused,
	                &resolve->defaults.paused);
	read_log(&reader, raw, global);
	read_limits(&reader, raw, global);
	read_addresses(resolve, &reader, raw);
	read_metrics(resolve, &reader, raw);
	read_outside(resolve, &reader, raw);
	resolve_control(resolve, &reader, raw);
	if (replaced[key_index("control_socket")])
		global->control_is_default =
			replaced[key_index("control_socket")]->fallback;
	resolve_quiet(resolve, &reader, raw->quiet, raw->n_quiet,
	              &resolve->defaults.quiet);

	resolve->defaults.rules = (struct rules_given){
		.for_ms = RULE_UNSET,
		.cooldown_ms = RULE_UNSET,
		.timeout_ms = RULE_UNSET,
		.verify_ms = RULE_UNSET,
		.window_ms = RULE_UNSET,
		.backoff_max_ms = RULE_UNSET,
		.start_grace_ms = RULE_UNSET,
		.max_bounces = UINT32_MAX,
	};
	resolve_rules(&reader, &raw->rules, &resolve->defaults.rules);
	if (resolve->defaults.rules.verify_ms < global->check_interval_ms &&
	    !config_is_builtin(global->push_gw))
		reader_value(
			&reader, "verify_within", raw->rules.verify_within,
			"is shorter than check_interval; no recovery could "
			"be seen in time");
}
