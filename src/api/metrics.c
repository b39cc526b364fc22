/* SPDX-License-Identifier: Apache-2.0 */
/*
 * metrics: GET /metrics, the text exposition of what has been recorded.
 *
 * A family per row of the table; those about monitors are written monitor by
 * monitor, so that a hundred thousand of them need no large buffer. Counters
 * are there from the start, at 0.
 */
#include "api/routes.h"

#include <sys/resource.h>

#include "core/exposition_writer.h"

/* --- per monitor -------------------------------------------------------- */

static void one(struct buf *out, const char *family, const char *monitor,
                const char *label, const char *value, double number)
{
	const struct exposition_label labels[] = { { "monitor", monitor },
		                                   { label, value } };

	exposition_sample(out, family, "", labels, label ? 2 : 1, number);
}

static void write_state(const struct api *api, const struct monitor *monitor,
                        const char *family, struct buf *out)
{
	(void)api;
	for (unsigned i = 0; i < N_POLICY_STATES; i++)
		one(out, family, monitor->name, "state",
		    policy_state_name((enum policy_state)i),
		    monitor->policy.state == (enum policy_state)i);
}

static void write_age(const struct api *api, const struct monitor *monitor,
                      const char *family, struct buf *out)
{
	uint64_t age_ms;

	/* no sample rather than a wrong one */
	if (monitor->last.kind != OBSERVATION_AGE &&
	    monitor->last.kind != OBSERVATION_FAILED)
		return;
	age_ms = monitor->last.age_ms + api_now_ms(api) - monitor->last_ms;
	one(out, family, monitor->name, NULL, NULL, (double)age_ms / 1000);
}

static void write_limit(const struct api *api, const struct monitor *monitor,
                        const char *family, struct buf *out)
{
	(void)api;
	one(out, family, monitor->name, NULL, NULL,
	    (double)monitor->rules->max_age_ms / 1000);
}

static void write_checks(const struct api *api, const struct monitor *monitor,
                         const char *family, struct buf *out)
{
	(void)api;
	for (unsigned i = 0; i < N_CHECK_RESULTS; i++)
		one(out, family, monitor->name, "result",
		    check_result_name((enum check_result)i),
		    monitor->n_checks[i]);
}

static void write_bounces(const struct api *api, const struct monitor *monitor,
                          const char *family, struct buf *out)
{
	(void)api;
	for (unsigned i = 0; i < N_BOUNCE_RESULTS; i++)
		one(out, family, monitor->name, "result",
		    bounce_result_name((enum bounce_result)i),
		    monitor->n_bounces[i]);
}

static bool kind_seen_before(const struct monitor *monitor, uint8_t rung)
{
	for (uint8_t i = 0; i < rung; i++) {
		if (monitor->steps[i].kind == monitor->steps[rung].kind)
			return true;
	}
	return false;
}

/* Rungs of one kind are one series. */
static void write_steps(const struct api *api, const struct monitor *monitor,
                        const char *family, struct buf *out)
{
	(void)api;
	for (uint8_t rung = 0; rung < monitor->rules->n_steps; rung++) {
		enum step_kind kind = monitor->steps[rung].kind;

		if (kind_seen_before(monitor, rung))
			continue;
		for (unsigned i = 0; i < N_STEP_RESULTS; i++) {
			const struct exposition_label labels[] = {
				{ "monitor", monitor->name },
				{ "step", step_kind_name(kind) },
				{ "result",
				  step_result_name((enum step_result)i) },
			};
			uint32_t n = 0;

			for (uint8_t j = rung; j < monitor->rules->n_steps; j++)
				n += monitor->steps[j].kind == kind
				             ? monitor->n_steps[j][i]
				             : 0;
			exposition_sample(out, family, "", labels, 3, n);
		}
	}
}

static void write_held(const struct api *api, const struct monitor *monitor,
                       const char *family, struct buf *out)
{
	(void)api;
	for (unsigned i = 0; i < N_POLICY_GUARDS; i++)
		one(out, family, monitor->name, "guard",
		    policy_guard_name(1u << i), monitor->n_held[i]);
}

/* --- per source --------------------------------------------------------- */

static void write_source_up(const struct group *group, const char *family,
                            struct buf *out)
{
	const struct exposition_label label = { "source", group->name };

	exposition_sample(out, family, "", &label, 1, group->up);
}

static void write_source_storm(const struct group *group, const char *family,
                               struct buf *out)
{
	const struct exposition_label label = { "source", group->name };

	exposition_sample(out, family, "", &label, 1, group->storm);
}

static void write_source_fetches(const struct group *group, const char *family,
                                 struct buf *out)
{
	for (unsigned i = 0; i < N_READING_RESULTS; i++) {
		const struct exposition_label labels[] = {
			{ "source", group->name },
			{ "result",
			  reading_result_name((enum reading_result)i) },
		};

		exposition_sample(out, family, "", labels, 2,
		                  group->n_readings[i]);
	}
}

static void write_source_bytes(const struct group *group, const char *family,
                               struct buf *out)
{
	const struct exposition_label label = { "source", group->name };

	exposition_sample(out, family, "", &label, 1, (double)group->n_bytes);
}

/* --- the daemon --------------------------------------------------------- */

static void gauge(struct buf *out, const char *name, const char *help,
                  double value)
{
	exposition_family(out, name, "gauge", help);
	exposition_sample(out, name, "", NULL, 0, value);
}

static void counter(struct buf *out, const char *name, const char *help,
                    double value)
{
	exposition_family(out, name, "counter", help);
	exposition_sample(out, name, "", NULL, 0, value);
}

static unsigned count_open_files(void)
{
	uv_fs_t request;
	int r = uv_fs_scandir(NULL, &request, "/proc/self/fd", 0, NULL);

	uv_fs_req_cleanup(&request);
	return r > 0 ? (unsigned)r : 0;
}

static void write_process(const struct api *api, struct buf *out)
{
	uv_rusage_t usage;
	struct rlimit limit;
	size_t resident = 0;

	if (uv_getrusage(&usage) == 0)
		counter(out, "process_cpu_seconds_total",
		        "User and system CPU time spent, in seconds.",
		        (double)(usage.ru_utime.tv_sec +
		                 usage.ru_stime.tv_sec) +
		                (double)(usage.ru_utime.tv_usec +
		                         usage.ru_stime.tv_usec) /
		                        1e6);
	if (uv_resident_set_memory(&resident) == 0)
		gauge(out, "process_resident_memory_bytes",
		      "Resident memory, in bytes.", (double)resident);
	gauge(out, "process_open_fds", "Open file descriptors.",
	      count_open_files());
	/* also if there is none: then it is huge */
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
		gauge(out, "process_max_fds",
		      "Largest number of open file descriptors.",
		      (double)limit.rlim_cur);
	gauge(out, "process_start_time_seconds",
	      "Start of the process, as Unix time.",
	      (double)api->start_wall_ms / 1000);
}

static void write_reloads(const struct api *api, struct buf *out)
{
	static const char name[] = "bouncer_config_reloads_total";

	exposition_family(out, name, "counter",
	                  "Reloads of the configuration, by result.");
	for (unsigned i = 0; i < 2; i++) {
		const struct exposition_label label = { "result",
			                                i ? "ok" : "failed" };

		exposition_sample(out, name, "", &label, 1,
		                  (double)api->n_reloads[i]);
	}
	gauge(out, "bouncer_config_last_reload_successful",
	      "Whether the last load of the configuration succeeded.",
	      api->reload_ok);
}

static void write_refusals(const struct api *api, struct buf *out)
{
	static const char name[] = "bouncer_api_refused_total";
	static const char *const reasons[N_API_REFUSALS] = {
		[API_REFUSED_TOKEN] = "token",
		[API_REFUSED_ACCESS] = "access",
	};

	exposition_family(out, name, "counter",
	                  "Requests that were not allowed, by reason.");
	for (unsigned i = 0; i < N_API_REFUSALS; i++) {
		const struct exposition_label label = { "reason", reasons[i] };

		exposition_sample(out, name, "", &label, 1,
		                  (double)api->n_refused[i]);
	}
}

static void write_daemon(const struct api *api, struct buf *out)
{
	static const struct exposition_label version = { "version",
		                                         BOUNCER_VERSION };

	exposition_family(out, "bouncer_build_info", "gauge",
	                  "The program's version; always 1.");
	exposition_sample(out, "bouncer_build_info", "", &version, 1, 1);
	gauge(out, "bouncer_monitors", "Monitors configured.", api->n_monitors);
	gauge(out, "bouncer_bounces_running",
	      "Steps of bounces that wait in line or run.",
	      api->supervisor->n_acting);
	gauge(out, "bouncer_targets_owed",
	      "Targets that are down because of us and will be brought back.",
	      api->n_owed);
	counter(out, "bouncer_journal_entries_total",
	        "Entries written to the journal.",
	        (double)(api->journal->next_seq - 1));
	write_reloads(api, out);
	write_refusals(api, out);
	exposition_histogram(out, "bouncer_source_fetch_duration_seconds",
	                     "How long reading a source took.",
	                     &api->supervisor->reading_seconds);
	exposition_histogram(out, "bouncer_bounce_duration_seconds",
	                     "From the start of a bounce to the end of its "
	                     "last step.",
	                     &api->supervisor->bounce_seconds);
	write_process(api, out);
}

/* --- the whole ---------------------------------------------------------- */

static const struct family {
	const char *name;
	const char *type;
	const char *help;
	void (*monitor)(const struct api *api, const struct monitor *monitor,
	                const char *family, struct buf *out);
	void (*source)(const struct group *group, const char *family,
	               struct buf *out);
} families[] = {
	{ "bouncer_source_up", "gauge",
	  "Whether the last reading of the source was good.", NULL,
	  write_source_up },
	{ "bouncer_source_storm", "gauge",
	  "Whether the storm guard holds the bounces of this source.", NULL,
	  write_source_storm },
	{ "bouncer_source_fetches_total", "counter",
	  "Readings of the source, by result.", NULL, write_source_fetches },
	{ "bouncer_source_fetch_bytes_total", "counter",
	  "Bytes of bodies read from the source.", NULL, write_source_bytes },
	{ "bouncer_monitor_state", "gauge",
	  "1 for the state in which the monitor is, else 0.", write_state,
	  NULL },
	{ "bouncer_monitor_age_seconds", "gauge",
	  "Time since the last sign of life, by the source's clock.", write_age,
	  NULL },
	{ "bouncer_monitor_limit_seconds", "gauge",
	  "The age beyond which the monitor is in breach.", write_limit, NULL },
	{ "bouncer_checks_total", "counter",
	  "Observations of the monitor, by result.", write_checks, NULL },
	{ "bouncer_bounces_total", "counter", "Bounces that ended, by result.",
	  write_bounces, NULL },
	{ "bouncer_steps_total", "counter",
	  "Steps of bounces that ended, by result.", write_steps, NULL },
	{ "bouncer_held_total", "counter",
	  "How often a guard began to hold a bounce back.", write_held, NULL },
};

/* `part` is the family; the daemon's own come first, as part 0. */
static void write_metrics(struct api_stream *stream, struct buf *out)
{
	const struct api *api = stream->api;
	const struct family *family;

	if (stream->part == 0) {
		write_daemon(api, out);
		stream->part++;
		return;
	}
	family = &families[stream->part - 1];
	if (stream->next == 0)
		exposition_family(out, family->name, family->type,
		                  family->help);
	for (uint32_t i = 0; family->source && i < api->n_groups; i++)
		family->source(api->groups[i], family->name, out);
	if (family->monitor && stream->next < api->n_monitors)
		family->monitor(api, api->monitors[stream->next++],
		                family->name, out);
	if (family->monitor && stream->next < api->n_monitors)
		return;
	stream->next = 0;
	stream->ended = stream->part == ARRAY_SIZE(families);
	stream->part++;
}

void api_metrics(struct api *api, struct http_exchange *exchange,
                 struct slice rest)
{
	(void)rest;
	api_stream_respond(api, exchange, EXPOSITION_CONTENT_TYPE,
	                   write_metrics);
}
