/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Those about monitors are written monitor by monitor, so that a hundred
 * thousand of them need no large buffer. Counters are there from the start,
 * at 0.
 */
#include "api/metrics.h"

#include <stdio.h>
#include <sys/resource.h>
#include "api/routes.h"
#include "core/exposition_writer.h"
#include "action/bounce.h"
#include "source/alerts.h"
#include "source/builtin.h"

/* --- per monitor -------------------------------------------------------- */

/* The same labels in all of a family: that of the container is empty where
 * there is no rule, which is the same as none. */
static void one(struct buf *out, const char *family,
                const struct monitor *monitor, const char *label,
                const char *value, double number)
{
	const struct exposition_label labels[] = {
		{ "monitor", monitor->name },
		{ "container", monitor->container ? monitor->container : "" },
		{ label, value },
	};

	exposition_sample(out, family, "", labels, label ? 3 : 2, number);
}

static void write_state(const struct api *api, const struct monitor *monitor,
                        const char *family, struct buf *out)
{
	(void)api;
	for (unsigned i = 0; i < N_POLICY_STATES; i++)
		one(out, family, monitor, "state",
		    policy_state_name((enum policy_state)i),
		    monitor->policy.state == (enum policy_state)i);
}

static void write_age(const struct api *api, const struct monitor *monitor,
                      const char *family, struct buf *out)
{
	uint64_t age_ms;

	/* no sample rather than a wrong one */
	if (monitor->last.kind != OBSERVATION_AGE &&
	    monitor->last.kind != OBSERVATION_FAILED &&
	    monitor->last.kind != OBSERVATION_EXITED)
		return;
	age_ms = monitor->last.age_ms + api_now_ms(api) - monitor->last_ms;
	one(out, family, monitor, NULL, NULL, (double)age_ms / 1000);
}

static void write_limit(const struct api *api, const struct monitor *monitor,
                        const char *family, struct buf *out)
{
	(void)api;
	/* neither the health of a container nor a value has an age */
	if (monitor->rules->max_age_ms == 0 &&
	    (monitor->rule || monitor->rules->levels))
		return;
	one(out, family, monitor, NULL, NULL,
	    (double)monitor->rules->max_age_ms / 1000);
}

static void write_value(const struct api *api, const struct monitor *monitor,
                        const char *family, struct buf *out)
{
	(void)api;
	/* no sample rather than a wrong one */
	if (monitor->rules->levels && monitor->last.kind == OBSERVATION_VALUE)
		one(out, family, monitor, NULL, NULL, monitor->last.value);
}

static void write_level(const struct api *api, const struct monitor *monitor,
                        const char *family, struct buf *out)
{
	unsigned level = (monitor->policy.level + 1u) % (POLICY_LEVEL_NONE + 1);

	(void)api;
	if (monitor->rules->levels)
		one(out, family, monitor, NULL, NULL, level);
}

static void write_checks(const struct api *api, const struct monitor *monitor,
                         const char *family, struct buf *out)
{
	(void)api;
	for (unsigned i = 0; i < N_CHECK_RESULTS; i++)
		one(out, family, monitor, "result",
		    check_result_name((enum check_result)i),
		    monitor->n_checks[i]);
}

static void write_bounces(const struct api *api, const struct monitor *monitor,
                          const char *family, struct buf *out)
{
	(void)api;
	for (unsigned i = 0; i < N_BOUNCE_RESULTS; i++)
		one(out, family, monitor, "result",
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
	for (uint8_t rung = 0; rung < policy_n_steps(monitor->rules); rung++) {
		enum step_kind kind = monitor->steps[rung].kind;

		if (kind_seen_before(monitor, rung))
			continue;
		for (unsigned i = 0; i < N_STEP_RESULTS; i++) {
			const struct exposition_label labels[] = {
				{ "monitor", monitor->name },
				{ "container", monitor->container
				                       ? monitor->container
				                       : "" },
				{ "step", step_kind_name(kind) },
				{ "result",
				  step_result_name((enum step_result)i) },
			};
			uint32_t n = 0;

			for (uint8_t j = rung;
			     j < policy_n_steps(monitor->rules); j++)
				n += monitor->steps[j].kind == kind
				             ? monitor->n_steps[j][i]
				             : 0;
			exposition_sample(out, family, "", labels, 4, n);
		}
	}
}

static void write_held(const struct api *api, const struct monitor *monitor,
                       const char *family, struct buf *out)
{
	(void)api;
	for (unsigned i = 0; i < N_POLICY_GUARDS; i++)
		one(out, family, monitor, "guard", policy_guard_name(1u << i),
		    monitor->n_held[i]);
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

/* What is pushed to ourselves is not fetched. */
static void write_source_fetches(const struct group *group, const char *family,
                                 struct buf *out)
{
	for (unsigned i = 0; !group->own && i < N_READING_RESULTS; i++) {
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

	if (!group->own)
		exposition_sample(out, family, "", &label, 1,
		                  (double)group->n_bytes);
}

/* --- per engine, per rule, notices --------------------------------------- */

static void of_engine(const struct api_engine *engine, const char *family,
                      double value, struct buf *out)
{
	const struct exposition_label label = { "engine", engine->name };

	exposition_sample(out, family, "", &label, 1, value);
}

static void write_engine_connected(const struct api *api,
                                   const struct api_engine *engine,
                                   const char *family, struct buf *out)
{
	(void)api;
	of_engine(engine, family, engine->stats.connected, out);
}

static void write_engine_connects(const struct api *api,
                                  const struct api_engine *engine,
                                  const char *family, struct buf *out)
{
	(void)api;
	of_engine(engine, family, (double)engine->stats.n_connects, out);
}

static void write_engine_containers(const struct api *api,
                                    const struct api_engine *engine,
                                    const char *family, struct buf *out)
{
	(void)api;
	of_engine(engine, family, engine->stats.n_containers, out);
}

static void write_engine_events(const struct api *api,
                                const struct api_engine *engine,
                                const char *family, struct buf *out)
{
	(void)api;
	of_engine(engine, family, (double)engine->stats.n_events, out);
}

static void write_engine_looks(const struct api *api,
                               const struct api_engine *engine,
                               const char *family, struct buf *out)
{
	(void)api;
	of_engine(engine, family, (double)engine->stats.n_looks, out);
}

static void write_engine_lists(const struct api *api,
                               const struct api_engine *engine,
                               const char *family, struct buf *out)
{
	(void)api;
	of_engine(engine, family, (double)engine->stats.n_lists, out);
}

static void write_engine_probed(const struct api *api,
                                const struct api_engine *engine,
                                const char *family, struct buf *out)
{
	(void)api;
	of_engine(engine, family, engine->stats.n_probed, out);
}

/* None yet: no sample. */
static void write_engine_age(const struct api *api,
                             const struct api_engine *engine,
                             const char *family, struct buf *out)
{
	uint64_t now_ms = api_now_ms(api);

	if (engine->stats.resync_ms != OBSERVATION_NEVER)
		of_engine(engine, family,
		          (double)(now_ms -
		                   MIN(now_ms, engine->stats.resync_ms)) /
		                  1000,
		          out);
}

static void of_rule(const struct rule *rule, const char *family, uint32_t value,
                    struct buf *out)
{
	const struct exposition_label labels[] = { { "rule", rule->name },
		                                   { "covers", rule->noun } };

	exposition_sample(out, family, "", labels, ARRAY_SIZE(labels), value);
}

static void write_rule_members(const struct rule *rule, const char *family,
                               struct buf *out)
{
	of_rule(rule, family, rule->n_monitors, out);
}

static void write_rule_left_out(const struct rule *rule, const char *family,
                                struct buf *out)
{
	of_rule(rule, family, rule->n_left_out, out);
}

static void write_notices(const uint64_t *n, const char *family,
                          struct buf *out)
{
	for (unsigned i = 0; i < N_NOTIFIER_RESULTS; i++) {
		const struct exposition_label label = {
			"result",
			notifier_result_name((enum notifier_result)i),
		};

		exposition_sample(out, family, "", &label, 1, (double)n[i]);
	}
}

/* --- the daemon --------------------------------------------------------- */

static void plain(struct buf *out, const char *family, double value)
{
	exposition_sample(out, family, "", NULL, 0, value);
}

static void write_refusals(const struct api *api, const char *family,
                           struct buf *out)
{
	static const char *const reasons[N_API_REFUSALS] = {
		[API_REFUSED_TOKEN] = "token",
		[API_REFUSED_ACCESS] = "access",
	};

	for (unsigned i = 0; i < N_API_REFUSALS; i++) {
		const struct exposition_label label = { "reason", reasons[i] };

		exposition_sample(out, family, "", &label, 1,
		                  (double)api->n_refused[i]);
	}
}

static void write_build(const struct api *api, const char *family,
                        struct buf *out)
{
	static const struct exposition_label version = { "version",
		                                         BOUNCER_VERSION };

	exposition_sample(out, family, "", &version, 1, 1);
}

static void write_monitors(const struct api *api, const char *family,
                           struct buf *out)
{
	plain(out, family, api->n_monitors);
}

static void write_running(const struct api *api, const char *family,
                          struct buf *out)
{
	plain(out, family, api->supervisor->n_acting);
}

static void write_leader(const struct api *api, const char *family,
                         struct buf *out)
{
	struct api_leader leader = { .leads = true };

	(void)api_leader_of(api, &leader);
	plain(out, family, leader.leads);
}

static void write_owed(const struct api *api, const char *family,
                       struct buf *out)
{
	plain(out, family, api->n_owed);
}

static void write_journal(const struct api *api, const char *family,
                          struct buf *out)
{
	plain(out, family, (double)(api->journal->next_seq - 1));
}

static void write_reloads(const struct api *api, const char *family,
                          struct buf *out)
{
	for (unsigned i = 0; i < 2; i++) {
		const struct exposition_label label = { "result",
			                                i ? "ok" : "failed" };

		exposition_sample(out, family, "", &label, 1,
		                  (double)api->n_reloads[i]);
	}
}

static void write_reload_ok(const struct api *api, const char *family,
                            struct buf *out)
{
	plain(out, family, api->reload_ok);
}

static void write_readings(const struct api *api, const char *family,
                           struct buf *out)
{
	exposition_buckets(out, family, &api->supervisor->reading_seconds);
}

static void write_bouncing(const struct api *api, const char *family,
                           struct buf *out)
{
	exposition_buckets(out, family, &api->supervisor->bounce_seconds);
}

/* --- the built-in gateway ----------------------------------------------- */

static struct push_store_counts counts(const struct api *api)
{
	return push_store_counts(builtin_store(api->builtin));
}

static void write_pushed_groups(const struct api *api, const char *family,
                                struct buf *out)
{
	plain(out, family, counts(api).n_groups);
}

static void write_pushed_series(const struct api *api, const char *family,
                                struct buf *out)
{
	plain(out, family, (double)counts(api).n_series);
}

static void write_pushed_bytes(const struct api *api, const char *family,
                               struct buf *out)
{
	plain(out, family, (double)counts(api).n_bytes);
}

static void write_pushes(const struct api *api, const char *family,
                         struct buf *out)
{
	for (unsigned i = 0; i < N_API_PUSH_RESULTS; i++) {
		const struct exposition_label label = {
			"result",
			api_push_result_name((enum api_push_result)i),
		};

		exposition_sample(out, family, "", &label, 1,
		                  (double)api->n_pushes[i]);
	}
}

static void write_push_seconds(const struct api *api, const char *family,
                               struct buf *out)
{
	exposition_buckets(out, family, &api->push_seconds);
}

/* 0 if there was none yet: then it is a very long time ago. */
static void write_snapshot_time(const struct api *api, const char *family,
                                struct buf *out)
{
	plain(out, family, (double)api->snapshot_wall_ms / 1000);
}

static void write_snapshot_failures(const struct api *api, const char *family,
                                    struct buf *out)
{
	plain(out, family, (double)api->n_snapshot_failures);
}

/* --- alerts --------------------------------------------------------------- */

static void labelled(struct buf *out, const char *family, const char *name,
                     const char *value, double number)
{
	const struct exposition_label label = { name, value };

	exposition_sample(out, family, "", &label, 1, number);
}

static void write_alerts_active(const struct api *api, const char *family,
                                struct buf *out)
{
	plain(out, family, alerts_stats(api->alerts).n_alerts);
}

static void write_alert_groups(const struct api *api, const char *family,
                               struct buf *out)
{
	plain(out, family, alerts_stats(api->alerts).n_groups);
}

static void write_alerts_queued(const struct api *api, const char *family,
                                struct buf *out)
{
	plain(out, family, alerts_stats(api->alerts).n_queued);
}

static void write_alerts_kept(const struct api *api, const char *family,
                              struct buf *out)
{
	plain(out, family, !alerts_stats(api->alerts).failing);
}

static void write_alerts_received(const struct api *api, const char *family,
                                  struct buf *out)
{
	struct alerts_stats stats = alerts_stats(api->alerts);

	labelled(out, family, "status", "firing", (double)stats.n_firing);
	labelled(out, family, "status", "resolved", (double)stats.n_resolved);
}

static void write_alerts_same(const struct api *api, const char *family,
                              struct buf *out)
{
	plain(out, family, (double)alerts_stats(api->alerts).n_same);
}

static void write_alerts_dropped(const struct api *api, const char *family,
                                 struct buf *out)
{
	plain(out, family, (double)alerts_stats(api->alerts).n_dropped);
}

static void write_alerts_expired(const struct api *api, const char *family,
                                 struct buf *out)
{
	plain(out, family, (double)alerts_stats(api->alerts).n_expired);
}

static void write_alert_requests(const struct api *api, const char *family,
                                 struct buf *out)
{
	for (size_t i = 0; i < N_API_ALERT_CODES; i++) {
		char code[8];

		(void)snprintf(code, sizeof(code), "%d", api_alert_code(i));
		labelled(out, family, "code", code,
		         (double)api->n_alert_requests[i]);
	}
}

static struct bouncer_stats commands_of(const struct api *api)
{
	return api->commands ? *api->commands : (struct bouncer_stats){ 0 };
}

/* What of ours comes nearest to those of prometheus-am-executor; a body is
 * read whole before anybody is asked, so that reading fails nowhere. */
static void write_amx_errors(const struct api *api, const char *family,
                             struct buf *out)
{
	uint64_t n_bad = 0;

	for (size_t i = 0; i < N_API_ALERT_CODES; i++) {
		if (api_alert_code(i) == 400)
			n_bad = api->n_alert_requests[i];
	}
	labelled(out, family, "stage", "read", 0);
	labelled(out, family, "stage", "unmarshal", (double)n_bad);
	labelled(out, family, "stage", "start",
	         (double)commands_of(api).n_failed);
}

static void write_amx_seconds(const struct api *api, const char *family,
                              struct buf *out)
{
	if (api->commands)
		exposition_buckets(out, family, &api->commands->seconds);
}

static void write_amx_running(const struct api *api, const char *family,
                              struct buf *out)
{
	plain(out, family, commands_of(api).n_running);
}

static void write_amx_signalled(const struct api *api, const char *family,
                                struct buf *out)
{
	struct bouncer_stats stats = commands_of(api);

	labelled(out, family, "result", "ok", (double)stats.n_interrupted);
	labelled(out, family, "result", "fail", (double)stats.n_not_reached);
}

static void write_amx_skipped(const struct api *api, const char *family,
                              struct buf *out)
{
	struct alerts_stats stats = alerts_stats(api->alerts);

	labelled(out, family, "reason", "nomatch", (double)stats.n_unmatched);
	labelled(out, family, "reason", "fingerover",
	         (double)(stats.n_again + stats.n_refused +
	                  commands_of(api).n_throttled));
}

/* --- the process -------------------------------------------------------- */

static void write_cpu(const struct api *api, const char *family,
                      struct buf *out)
{
	uv_rusage_t usage;

	if (uv_getrusage(&usage) < 0)
		return;
	plain(out, family,
	      (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
	              (double)(usage.ru_utime.tv_usec +
	                       usage.ru_stime.tv_usec) /
	                      1e6);
}

static void write_resident(const struct api *api, const char *family,
                           struct buf *out)
{
	size_t resident = 0;

	if (uv_resident_set_memory(&resident) == 0)
		plain(out, family, (double)resident);
}

static void write_open_files(const struct api *api, const char *family,
                             struct buf *out)
{
	uv_fs_t request;
	int r = uv_fs_scandir(NULL, &request, "/proc/self/fd", 0, NULL);

	uv_fs_req_cleanup(&request);
	if (r >= 0)
		plain(out, family, r);
}

/* Also if there is none: then it is huge. */
static void write_max_files(const struct api *api, const char *family,
                            struct buf *out)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
		plain(out, family, (double)limit.rlim_cur);
}

static void write_start(const struct api *api, const char *family,
                        struct buf *out)
{
	plain(out, family, (double)api->start_wall_ms / 1000);
}

/* --- the table ---------------------------------------------------------- */

static const struct api_family families[] = {
	{ "am_executor_errors_total", METRIC_COUNTER,
	  "Messages that could not be used, by stage.",
	  .amx = write_amx_errors },
	{ "am_executor_process_duration_seconds", METRIC_HISTOGRAM,
	  "Time that commands of the host took.", .amx = write_amx_seconds },
	{ "am_executor_processes_current", METRIC_GAUGE,
	  "Commands of the host that run.", .amx = write_amx_running },
	{ "am_executor_signalled_total", METRIC_COUNTER,
	  "Commands that were to be interrupted, by whether they were.",
	  .amx = write_amx_signalled },
	{ "am_executor_skipped_total", METRIC_COUNTER,
	  "Alerts for which nothing is done, by reason.",
	  .amx = write_amx_skipped },
	{ "bouncer_alert_groups", METRIC_GAUGE,
	  "Groups of Alertmanager of which an alert fires.",
	  .alerts = write_alert_groups },
	{ "bouncer_alerts_active", METRIC_GAUGE, "Alerts that fire.",
	  .alerts = write_alerts_active },
	{ "bouncer_alerts_dropped_total", METRIC_COUNTER,
	  "Alerts for which there was no room.",
	  .alerts = write_alerts_dropped },
	{ "bouncer_alerts_duplicates_total", METRIC_COUNTER,
	  "Alerts that were received and no news.",
	  .alerts = write_alerts_same },
	{ "bouncer_alerts_expired_total", METRIC_COUNTER,
	  "Alerts that nobody repeated, taken for resolved.",
	  .alerts = write_alerts_expired },
	{ "bouncer_alerts_kept", METRIC_GAUGE,
	  "Whether what was taken could last be written down.",
	  .alerts = write_alerts_kept },
	{ "bouncer_alerts_queue_length", METRIC_GAUGE,
	  "Messages that are being written down.",
	  .alerts = write_alerts_queued },
	{ "bouncer_alerts_received_total", METRIC_COUNTER,
	  "Alerts that were received, by status.",
	  .alerts = write_alerts_received },
	{ "bouncer_alerts_requests_total", METRIC_COUNTER,
	  "Requests that brought alerts, by code of the answer.",
	  .alerts = write_alert_requests },
	{ "bouncer_api_refused_total", METRIC_COUNTER,
	  "Requests that were not allowed, by reason.",
	  .daemon = write_refusals },
	{ "bouncer_bounce_duration_seconds", METRIC_HISTOGRAM,
	  "From the start of a bounce to the end of its last step.",
	  .daemon = write_bouncing },
	{ "bouncer_bounces_running", METRIC_GAUGE,
	  "Steps of bounces that wait in line or run.",
	  .daemon = write_running },
	{ "bouncer_bounces_total", METRIC_COUNTER,
	  "Bounces that ended, by result.", .monitor = write_bounces },
	{ "bouncer_build_info", METRIC_GAUGE,
	  "The program's version; always 1.", .daemon = write_build },
	{ "bouncer_checks_total", METRIC_COUNTER,
	  "Observations of the monitor, by result.", .monitor = write_checks },
	{ "bouncer_config_last_reload_successful", METRIC_GAUGE,
	  "Whether the last load of the configuration succeeded.",
	  .daemon = write_reload_ok },
	{ "bouncer_config_reloads_total", METRIC_COUNTER,
	  "Reloads of the configuration, by result.", .daemon = write_reloads },
	{ "bouncer_engine_connected", METRIC_GAUGE,
	  "Whether the engine's stream of events is open.",
	  .engine = write_engine_connected },
	{ "bouncer_engine_connects_total", METRIC_COUNTER,
	  "Streams of events that were opened.",
	  .engine = write_engine_connects },
	{ "bouncer_engine_containers", METRIC_GAUGE,
	  "Containers of the engine that are known.",
	  .engine = write_engine_containers },
	{ "bouncer_engine_events_total", METRIC_COUNTER,
	  "Events read from the engine.", .engine = write_engine_events },
	{ "bouncer_engine_inspections_total", METRIC_COUNTER,
	  "Containers that were inspected.", .engine = write_engine_looks },
	{ "bouncer_engine_list_age_seconds", METRIC_GAUGE,
	  "Time since all containers were last listed.",
	  .engine = write_engine_age },
	{ "bouncer_engine_lists_total", METRIC_COUNTER,
	  "Lists of all containers.", .engine = write_engine_lists },
	{ "bouncer_engine_probed_containers", METRIC_GAUGE,
	  "Containers that the bouncer checks itself.",
	  .engine = write_engine_probed },
	{ "bouncer_gateway_bytes", METRIC_GAUGE,
	  "Bytes of pushed samples, as they are stored.",
	  .gateway = write_pushed_bytes },
	{ "bouncer_gateway_groups", METRIC_GAUGE,
	  "Groups that have been pushed.", .gateway = write_pushed_groups },
	{ "bouncer_gateway_push_duration_seconds", METRIC_HISTOGRAM,
	  "Time spent on a push once all of it was there.",
	  .gateway = write_push_seconds },
	{ "bouncer_gateway_pushes_total", METRIC_COUNTER,
	  "Pushes and pings, by result.", .gateway = write_pushes },
	{ "bouncer_gateway_series", METRIC_GAUGE,
	  "Series that have been pushed.", .gateway = write_pushed_series },
	{ "bouncer_gateway_snapshot_failures_total", METRIC_COUNTER,
	  "Attempts to write down what was pushed that failed.",
	  .gateway = write_snapshot_failures },
	{ "bouncer_gateway_snapshot_last_success_time_seconds", METRIC_GAUGE,
	  "When what was pushed was last written down, as Unix time.",
	  .gateway = write_snapshot_time },
	{ "bouncer_held_total", METRIC_COUNTER,
	  "How often a guard began to hold a bounce back.",
	  .monitor = write_held },
	{ "bouncer_journal_entries_total", METRIC_COUNTER,
	  "Entries written to the journal.", .daemon = write_journal },
	{ "bouncer_leader", METRIC_GAUGE,
	  "Whether we act: 0 while another instance does, or nobody may.",
	  .daemon = write_leader },
	{ "bouncer_monitor_age_seconds", METRIC_GAUGE,
	  "Time since the last sign of life, by the source's clock.",
	  .monitor = write_age },
	{ "bouncer_monitor_level", METRIC_GAUGE,
	  "Which level of its value is reached: 0 none, 1 soft (or the only "
	  "one), 2 hard.",
	  .monitor = write_level },
	{ "bouncer_monitor_limit_seconds", METRIC_GAUGE,
	  "The age beyond which the monitor is in breach.",
	  .monitor = write_limit },
	{ "bouncer_monitor_state", METRIC_GAUGE,
	  "1 for the state in which the monitor is, else 0.",
	  .monitor = write_state },
	{ "bouncer_monitor_value", METRIC_GAUGE,
	  "The value that is watched, as it was last read.",
	  .monitor = write_value },
	{ "bouncer_monitors", METRIC_GAUGE,
	  "Monitors, containers of rules among them.",
	  .daemon = write_monitors },
	{ "bouncer_notifications_total", METRIC_COUNTER,
	  "Deliveries of notices to webhooks, by result.",
	  .notices = write_notices },
#if BOUNCER_REGISTRY
	{ "bouncer_registry_alerts_dropped_total", METRIC_COUNTER,
	  "Alerts that drop_alerts dropped, also of messages that were kept.",
	  .extension = true },
	{ "bouncer_registry_alerts_total", METRIC_COUNTER,
	  "Messages of Alertmanagers, by what became of them.",
	  .extension = true },
	{ "bouncer_registry_alerts_unrouted_total", METRIC_COUNTER,
	  "Messages that were kept and of which nobody is told.",
	  .extension = true },
	{ "bouncer_registry_checks_total", METRIC_COUNTER,
	  "Edits of rules that promtool was asked about, by result.",
	  .extension = true },
	{ "bouncer_registry_commit_seconds", METRIC_GAUGE,
	  "How long the last commit took.", .extension = true },
	{ "bouncer_registry_commits_failed_total", METRIC_COUNTER,
	  "Batches of edits that could not be written.", .extension = true },
	{ "bouncer_registry_commits_total", METRIC_COUNTER,
	  "Commits to the database.", .extension = true },
	{ "bouncer_registry_database_bytes", METRIC_GAUGE,
	  "Size of the database.", .extension = true },
	{ "bouncer_registry_deliveries_total", METRIC_COUNTER,
	  "What notifiers were told, by result; retried: tries that failed.",
	  .extension = true },
	{ "bouncer_registry_deliveries_waiting", METRIC_GAUGE,
	  "What notifiers are still to be told.", .extension = true },
	{ "bouncer_registry_document_bytes", METRIC_GAUGE,
	  "Bytes of what servers are handed, by kind.", .extension = true },
	{ "bouncer_registry_edits_total", METRIC_COUNTER, "Edits, by outcome.",
	  .extension = true },
	{ "bouncer_registry_edits_waiting", METRIC_GAUGE,
	  "Edits that are not answered yet.", .extension = true },
	{ "bouncer_registry_objects", METRIC_GAUGE, "Objects, by kind.",
	  .extension = true },
	{ "bouncer_registry_queue_bytes", METRIC_GAUGE,
	  "Bytes that wait to be written to the database.", .extension = true },
	{ "bouncer_registry_refused_total", METRIC_COUNTER,
	  "Requests that were refused, by reason.", .extension = true },
	{ "bouncer_registry_render_seconds", METRIC_GAUGE,
	  "How long the last rendering of documents took.", .extension = true },
	{ "bouncer_registry_render_seconds_total", METRIC_COUNTER,
	  "Time spent rendering documents.", .extension = true },
	{ "bouncer_registry_renders_total", METRIC_COUNTER,
	  "Renderings of documents.", .extension = true },
	{ "bouncer_registry_rereads_total", METRIC_COUNTER,
	  "How often all was read again from the database.",
	  .extension = true },
	{ "bouncer_registry_revision", METRIC_GAUGE,
	  "Revision of the documents that are handed out.", .extension = true },
	{ "bouncer_registry_server_connected", METRIC_GAUGE,
	  "Whether a worker of the Prometheus server is connected.",
	  .extension = true },
	{ "bouncer_registry_server_failed", METRIC_GAUGE,
	  "Whether its worker tells of an error, or its last reload failed.",
	  .extension = true },
	{ "bouncer_registry_server_in_sync", METRIC_GAUGE,
	  "Whether all that the server is to have is there and loaded.",
	  .extension = true },
	{ "bouncer_registry_server_loaded", METRIC_GAUGE,
	  "Whether its last reload succeeded.", .extension = true },
	{ "bouncer_registry_server_report_age_seconds", METRIC_GAUGE,
	  "Time since its worker told something.", .extension = true },
	{ "bouncer_registry_server_revision", METRIC_GAUGE,
	  "Revision that its worker knows of.", .extension = true },
	{ "bouncer_registry_server_wanted_revision", METRIC_GAUGE,
	  "Revision of the newest of its documents.", .extension = true },
	{ "bouncer_registry_server_written", METRIC_GAUGE,
	  "Whether its worker has written the newest, by kind of document.",
	  .extension = true },
	{ "bouncer_registry_targets", METRIC_GAUGE,
	  "Targets, URLs and rules in what all servers are handed, by kind.",
	  .extension = true },
	{ "bouncer_registry_watchers", METRIC_GAUGE,
	  "Those who are told of changes.", .extension = true },
	{ "bouncer_registry_well", METRIC_GAUGE,
	  "Whether what is in memory is what is on disk.", .extension = true },
#endif
	{ "bouncer_rule_left_out_members", METRIC_GAUGE,
	  "Those beyond the limit of the rule.", .rule = write_rule_left_out },
	{ "bouncer_rule_members", METRIC_GAUGE, "Those that the rule covers.",
	  .rule = write_rule_members },
	{ "bouncer_source_fetch_bytes_total", METRIC_COUNTER,
	  "Bytes of bodies read from the source.",
	  .source = write_source_bytes },
	{ "bouncer_source_fetch_duration_seconds", METRIC_HISTOGRAM,
	  "How long reading a source took.", .daemon = write_readings },
	{ "bouncer_source_fetches_total", METRIC_COUNTER,
	  "Readings of the source, by result.",
	  .source = write_source_fetches },
	{ "bouncer_source_storm", METRIC_GAUGE,
	  "Whether the storm guard holds the bounces of this source.",
	  .source = write_source_storm },
	{ "bouncer_source_up", METRIC_GAUGE,
	  "Whether the last reading of the source was good.",
	  .source = write_source_up },
	{ "bouncer_steps_total", METRIC_COUNTER,
	  "Steps of bounces that ended, by result.", .monitor = write_steps },
	{ "bouncer_targets_owed", METRIC_GAUGE,
	  "Targets that are down because of us and will be brought back.",
	  .daemon = write_owed },
	{ "process_cpu_seconds_total", METRIC_COUNTER,
	  "User and system CPU time spent, in seconds.", .daemon = write_cpu },
	{ "process_max_fds", METRIC_GAUGE,
	  "Largest number of open file descriptors.",
	  .daemon = write_max_files },
	{ "process_open_fds", METRIC_GAUGE, "Open file descriptors.",
	  .daemon = write_open_files },
	{ "process_resident_memory_bytes", METRIC_GAUGE,
	  "Resident memory, in bytes.", .daemon = write_resident },
	{ "process_start_time_seconds", METRIC_GAUGE,
	  "Start of the process, as Unix time.", .daemon = write_start },
};

const struct api_family *api_families(size_t *np)
{
	*np = ARRAY_SIZE(families);
	return families;
}

int api_reserve_families(struct push_store *store)
{
	for (size_t i = 0; i < ARRAY_SIZE(families); i++) {
		int r = push_store_reserve(store, families[i].name,
		                           families[i].type);

		if (r < 0)
			return r;
	}
	return 0;
}
