/* SPDX-License-Identifier: Apache-2.0 */
#include "support/cmocka.h"
#include "api_kit.h"

#include <errno.h>
#include <string.h>

static const struct step steps[] = { { .kind = STEP_RESTART } };

/* --- what is asked of the daemon ------------------------------------------ */

static const char *name_of(const struct monitor *monitor)
{
	return monitor ? monitor->name : "all";
}

static int do_pause(void *context, struct monitor *monitor, uint64_t for_ms,
                    const char *reason)
{
	struct api_kit *kit = context;

	(void)buf_printf(&kit->said, "pause %s %llu %s;", name_of(monitor),
	                 (unsigned long long)for_ms, reason);
	return supervisor_order_pause(&kit->supervisor, monitor, PAUSE_FOREVER,
	                              reason, uv_now(&kit->kit.loop.uv));
}

static bool do_resume(void *context, struct monitor *monitor)
{
	struct api_kit *kit = context;

	(void)buf_printf(&kit->said, "resume %s;", name_of(monitor));
	return supervisor_order_resume(&kit->supervisor, monitor,
	                               uv_now(&kit->kit.loop.uv));
}

static int do_pause_rule(void *context, struct rule *rule, uint64_t for_ms,
                         const char *reason)
{
	struct api_kit *kit = context;

	(void)buf_printf(&kit->said, "pause rule %s %llu %s;", rule->name,
	                 (unsigned long long)for_ms, reason);
	return supervisor_order_pause_rule(&kit->supervisor, rule,
	                                   PAUSE_FOREVER, reason,
	                                   uv_now(&kit->kit.loop.uv));
}

static bool do_resume_rule(void *context, struct rule *rule)
{
	struct api_kit *kit = context;

	(void)buf_printf(&kit->said, "resume rule %s;", rule->name);
	return supervisor_order_resume_rule(&kit->supervisor, rule,
	                                    uv_now(&kit->kit.loop.uv));
}

static bool do_engine(void *context, uint32_t at, struct api_engine *engine)
{
	struct api_kit *kit = context;

	if (!kit->has_engine || at > 0)
		return false;
	*engine = (struct api_engine){
		.name = "docker",
		.group = &kit->group,
		.resync_ms = kit->resync_ms,
		.stats = kit->stats,
	};
	return true;
}

static bool do_notices(void *context, uint64_t n[N_NOTIFIER_RESULTS])
{
	const struct api_kit *kit = context;

	for (unsigned i = 0; i < N_NOTIFIER_RESULTS; i++)
		n[i] = kit->notices[i];
	return kit->has_notices;
}

static void do_bounce(void *context, struct monitor *monitor)
{
	struct api_kit *kit = context;

	(void)buf_printf(&kit->said, "bounce %s;", monitor->name);
}

static int do_reload(void *context, struct buf *problems, struct err *err)
{
	struct api_kit *kit = context;

	(void)buf_puts(&kit->said, "reload;");
	if (!kit->problems)
		return 0;
	(void)buf_puts(problems, kit->problems);
	return err_set(err, -EINVAL, "c.yml has problems");
}

static void do_save(void *context, struct promise_wait *wait)
{
	struct api_kit *kit = context;

	if (kit->slow_disk) {
		list_append(&kit->waits, &wait->node);
		return;
	}
	wait->saved = !kit->full_disk;
	wait->durable(wait);
}

static void ignore_monitor(void *context, struct monitor *monitor)
{
}

static void ignore(void *context)
{
}

static void on_added(void *context)
{
	api_streams_wake(context);
}

/* --- life ------------------------------------------------------------------ */

static struct http_server *serve(struct api_kit *kit, http_handler_cb handler)
{
	struct http_server_options options = { .max_body = API_MAX_BODY };
	struct http_server *server = http_server_new(
		&kit->kit.loop.uv, &kit->kit.log, &options, handler, &kit->api);
	struct err err;

	assert_non_null(server);
	assert_int_equal(
		http_server_listen(server, slice_from("127.0.0.1:0"), &err), 0);
	return server;
}

static void add_monitor(struct api_kit *kit, unsigned i, const char *name)
{
	struct monitor *monitor = &kit->monitors[i];

	kit->configs[i].container_name = i ? "two" : "one";
	*monitor = (struct monitor){
		.name = name,
		.config = &kit->configs[i],
		.rules = &kit->rules,
		.steps = steps,
		.group = &kit->group,
		.target = targets_take(&kit->targets, slice_from(name)),
		.n_steps = kit->n_steps[i],
	};
	kit->all[i] = monitor;
	assert_int_equal(supervisor_add(&kit->supervisor, monitor, false,
	                                uv_now(&kit->kit.loop.uv)),
	                 0);
}

void api_kit_init(struct api_kit *kit)
{
	*kit = (struct api_kit){ 0 };
	kit_init(&kit->kit);
	kit->rules = (struct policy_rules){ .max_age_ms = 60000,
		                            .verify_ms = 60000,
		                            .window_ms = 60000,
		                            .backoff_percent = 200,
		                            .max_bounces = 2,
		                            .n_steps = 1 };
	kit->supervisor_ops =
		(struct supervisor_ops){ .run_step = ignore_monitor,
		                         .cancel_step = ignore_monitor,
		                         .observe = ignore_monitor,
		                         .changed = ignore };
	kit->ops = (struct api_ops){ .pause = do_pause,
		                     .resume = do_resume,
		                     .pause_rule = do_pause_rule,
		                     .resume_rule = do_resume_rule,
		                     .bounce = do_bounce,
		                     .reload = do_reload,
		                     .save = do_save,
		                     .engine = do_engine,
		                     .notices = do_notices,
		                     .context = kit };
	list_init(&kit->waits);
	buf_init(&kit->said, 10000);
	assert_int_equal(journal_init(&kit->journal, 10), 0);
	targets_init(&kit->targets, 1);
	group_init(&kit->group, "http://gw");
	supervisor_init(&kit->supervisor, &kit->supervisor_ops, NULL,
	                &kit->journal, 1);
	add_monitor(kit, 0, "a");
	add_monitor(kit, 1, "b/c");
	kit->api = (struct api){
		.loop = &kit->kit.loop.uv,
		.log = &kit->kit.log,
		.supervisor = &kit->supervisor,
		.journal = &kit->journal,
		.ops = &kit->ops,
		.monitors = kit->all,
		.n_monitors = API_KIT_N,
		.reload_ok = true,
		.config_file = "c.yml",
	};
	list_init(&kit->api.answers);
	assert_int_equal(api_streams_new(&kit->api), 0);
	kit->journal.added = on_added;
	kit->journal.context = &kit->api;
	kit->addr = serve(kit, api_handle);
	kit->control = serve(kit, api_handle_control);
}

void api_kit_add_rule(struct api_kit *kit)
{
	static const char *const names[][2] = {
		{ "health/shop/web/1", "shop-web-1" },
		{ "health/db", "db" },
		{ "health/other/db", "db" },
	};
	static const enum health words[] = { HEALTH_GOOD, HEALTH_BAD,
		                             HEALTH_STARTING };
	uint64_t now_ms = uv_now(&kit->kit.loop.uv);

	kit->rule.name = "health";
	kit->rule.noun = "containers";
	supervisor_add_rule(&kit->supervisor, &kit->rule);
	for (unsigned i = 0; i < API_KIT_MEMBERS; i++) {
		struct observation said = { .kind = OBSERVATION_HEALTH,
			                    .health = words[i],
			                    .n_streak = i == 1 ? 3 : 0,
			                    .exit_code = i == 1 ? 7 : -1 };

		kit->members[i] = (struct monitor){
			.name = names[i][0],
			.config = &kit->configs[0],
			.rules = &kit->rules,
			.steps = steps,
			.group = &kit->group,
			.target = targets_take(&kit->targets,
			                       slice_from(names[i][0])),
			.rule = &kit->rule,
			.container = names[i][1],
			.image = "nginx",
			.n_steps = kit->n_steps[0],
		};
		kit->all[API_KIT_N + i] = &kit->members[i];
		assert_int_equal(supervisor_add(&kit->supervisor,
		                                &kit->members[i], false,
		                                now_ms),
		                 0);
		supervisor_observe(&kit->supervisor, &kit->members[i], &said,
		                   now_ms);
	}
	kit->api.n_monitors = API_KIT_N + API_KIT_MEMBERS;
}

static void remove_rule(struct api_kit *kit)
{
	for (unsigned i = 0; i < API_KIT_MEMBERS; i++) {
		struct monitor *monitor = &kit->members[i];

		if (monitor->acting) {
			monitor->acting = false;
			monitor->target->owner = NULL;
		}
		supervisor_remove(&kit->supervisor, monitor);
		targets_release(&kit->targets, monitor->target);
	}
	supervisor_remove_rule(&kit->supervisor, &kit->rule);
}

static void on_closed(void *context)
{
	((struct api_kit *)context)->n_closed++;
}

void api_kit_begin_close(struct api_kit *kit)
{
	http_server_close(kit->addr, 1000, on_closed, kit);
	http_server_close(kit->control, 1000, on_closed, kit);
	api_streams_close(&kit->api, on_closed, kit);
	kit->addr = NULL;
}

void api_kit_fini(struct api_kit *kit)
{

	if (kit->addr)
		api_kit_begin_close(kit);
	while (kit->n_closed < 3)
		test_loop_for(&kit->kit.loop, 5);
	if (kit->rule.name)
		remove_rule(kit);
	for (unsigned i = 0; i < API_KIT_N; i++) {
		supervisor_remove(&kit->supervisor, &kit->monitors[i]);
		targets_release(&kit->targets, kit->monitors[i].target);
	}
	supervisor_fini(&kit->supervisor);
	targets_fini(&kit->targets);
	journal_fini(&kit->journal);
	buf_fini(&kit->said);
	kit_fini(&kit->kit);
}

void api_kit_said(struct api_kit *kit, const char *words)
{
	assert_string_equal(buf_text(&kit->said), words);
	buf_reset(&kit->said);
}

/* --- asking ----------------------------------------------------------------- */

void api_kit_connect(struct api_kit *kit, struct http_server *server,
                     struct client *client)
{
	struct sockaddr_in address;

	assert_int_equal(
		uv_ip4_addr("127.0.0.1", http_server_port(server, 0), &address),
		0);
	assert_int_equal(client_connect_to(client, &kit->kit,
	                                   (struct sockaddr *)&address,
	                                   sizeof(address)),
	                 0);
}

void api_kit_ask(struct api_kit *kit, struct http_server *server,
                 const char *head, const char *body, uint16_t status,
                 const char *part)
{
	struct response response;
	struct client client;
	struct buf request;

	buf_init(&request, 200000);
	(void)buf_printf(&request,
	                 "%s\r\nHost: x\r\nContent-Length: %zu\r\n\r\n%s", head,
	                 strlen(body), body);
	api_kit_connect(kit, server, &client);
	client_send(&client, buf_text(&request));
	client_response(&client, &response, false);
	if (response.status != status ||
	    (part && !strstr(buf_text(&response.body), part)))
		fail_msg("%s %s: %u %s", head, body, response.status,
		         buf_text(&response.body));
	response_fini(&response);
	client_close(&client);
	buf_fini(&request);
}
