/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/alerts.h"

#include <errno.h>
#include <string.h>
#include "base/json_writer.h"
#include "base/mem.h"
#include "proto/alertmanager.h"
#include "registry/former_names.h"
#include "registry/model/repeats.h"
#include "registry/model/routing.h"
#include "source/alerts.h"

#define MAX_ROUTING (1u << 20) /* bytes of an explanation that is kept */
#define PRUNE_MS    60000
#define PRUNE_EACH  256  /* messages */
#define PRUNE_ROWS  1000 /* of them at once */

struct registry_alerts {
	struct registry *registry;
	uv_loop_t *loop;
	const struct log *log;
	struct deliveries *deliveries;
	struct former_names *names;
	struct registry_watch watch;
	struct am_reader *reader;
	struct repeats repeats;
	uint64_t last_id;
	struct registry_alerts_stats stats;
	struct list replaying; /* what is dead, until it waits again */
	uint32_t n_revived;    /* deliveries of those */

	uv_timer_t prune;
	struct store_write pruning;
	bool is_pruning;
	uint32_t n_since_pruned;

	bool closing;
	unsigned n_open; /* writings, readings, deliveries, the timer */
	void (*closed)(void *context);
	void *closed_context;
};

/* A message until it is on disk. */
struct taking {
	struct registry_alerts *alerts;
	struct store_write write;
	struct list deliveries;
	struct repeats_print print;
	void (*kept)(void *request, const struct err *err);
	void *request;
};

static int64_t wall_ms(void)
{
	uv_timeval64_t now = { 0 };

	(void)uv_gettimeofday(&now);
	return now.tv_sec * 1000 + now.tv_usec / 1000;
}

/* --- the end ------------------------------------------------------------------- */

static void free_all(struct registry_alerts *alerts)
{
	repeats_fini(&alerts->repeats);
	former_names_free(alerts->names);
	am_reader_free(alerts->reader);
	mem_free(alerts);
}

static void left(struct registry_alerts *alerts)
{
	void (*closed)(void *context) = alerts->closed;
	void *context = alerts->closed_context;

	if (--alerts->n_open > 0)
		return;
	free_all(alerts);
	closed(context);
}

static void on_deliveries_closed(void *context)
{
	left(context);
}

static void on_timer_closed(uv_handle_t *handle)
{
	left(container_of((uv_timer_t *)handle, struct registry_alerts, prune));
}

void registry_alerts_close(struct registry_alerts *alerts,
                           void (*closed)(void *context), void *context)
{
	alerts->closing = true;
	alerts->closed = closed;
	alerts->closed_context = context;
	registry_unwatch(alerts->registry, &alerts->watch);
	uv_close((uv_handle_t *)&alerts->prune, on_timer_closed);
	deliveries_close(alerts->deliveries, on_deliveries_closed, alerts);
}

/* --- rows ----------------------------------------------------------------------------- */

static const char insert_alert[] =
	"INSERT INTO alert(id, received_ms, firing, receiver, group_key,"
	" n_alerts, told, body, routing)"
	" VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";

static const char insert_label[] =
	"INSERT OR IGNORE INTO alert_label(alert_id, name, value)"
	" VALUES(?1, ?2, ?3)";

static void add_labels(struct store_batch *batch, uint64_t id,
                       const struct am_labels *labels, size_t *room)
{
	for (size_t i = 0; i<labels->n && * room> 0; i++, (*room)--) {
		const struct store_value values[] = {
			STORE_INT((int64_t)id),
			STORE_STR(labels->items[i].name),
			STORE_STR(labels->items[i].value),
		};

		store_batch_add(batch, insert_label, values,
		                ARRAY_SIZE(values));
	}
}

static bool is_common(const struct am_message *message,
                      const struct label *label)
{
	const struct am_labels *common = &message->common_labels;

	for (size_t i = 0; i < common->n; i++) {
		if (slice_equal(common->items[i].name, label->name))
			return slice_equal(common->items[i].value,
			                   label->value);
	}
	return false;
}

/* None of those that are dropped. */
static void add_all_labels(struct store_batch *batch, uint64_t id,
                           const struct am_message *message,
                           const struct routing *routing)
{
	size_t room = REGISTRY_ALERTS_MAX_LABELS;

	add_labels(batch, id, &message->common_labels, &room);
	add_labels(batch, id, &message->group_labels, &room);
	for (uint32_t i = 0; i < message->n_alerts; i++) {
		const struct am_labels *labels = &message->alerts[i].labels;

		for (size_t k = 0; k < labels->n && !routing_drops(routing, i);
		     k++) {
			const struct am_labels one = { &labels->items[k], 1 };

			if (!is_common(message, &labels->items[k]))
				add_labels(batch, id, &one, &room);
		}
	}
}

static void add_alert(struct registry_alerts *alerts, struct store_batch *batch,
                      uint64_t id, const struct am_message *message,
                      struct slice body, const struct routing *routing,
                      struct slice explained)
{
	const struct store_value values[] = {
		STORE_INT((int64_t)id),
		STORE_INT(wall_ms()),
		STORE_INT(message->firing),
		STORE_STR(message->receiver),
		STORE_STR(message->group_key),
		STORE_INT((int64_t)message->n_alerts),
		STORE_INT(routing->n_told),
		STORE_STR(body),
		STORE_STR(explained),
	};

	(void)alerts;
	store_batch_add(batch, insert_alert, values, ARRAY_SIZE(values));
	add_all_labels(batch, id, message, routing);
}

/* --- deliveries of a message -------------------------------------------------------------- */

static void free_deliveries(struct list *list)
{
	struct list *node;

	while ((node = list_pop(list)))
		mem_free(container_of(node, struct delivery, node));
}

/* All are none in particular. */
static int put_bits(struct buf *out, const struct route *route,
                    uint32_t n_alerts)
{
	if (route->n_alerts < n_alerts) {
		for (uint32_t i = 0; i < n_alerts / 8 + 1; i++)
			(void)buf_printf(out, "%02x", route->alerts[i]);
	}
	return out->failed;
}

static int add_delivery(struct registry_alerts *alerts,
                        struct store_batch *batch, uint64_t alert_id,
                        const struct routing *routing,
                        const struct route *route, struct list *list)
{
	struct delivery *delivery = NULL;
	struct buf bits;

	buf_init(&bits, AM_MAX_ALERTS);
	if (put_bits(&bits, route, routing->n_alerts) == 0)
		delivery = delivery_new(alert_id, object_id(route->notifier),
		                        buf_slice(&bits));
	buf_fini(&bits);
	if (!delivery)
		return -ENOMEM;
	delivery =
		deliveries_add(alerts->deliveries, batch, delivery, wall_ms());
	if (delivery)
		list_append(list, &delivery->node);
	return 0;
}

static int add_deliveries(struct registry_alerts *alerts,
                          struct store_batch *batch, uint64_t alert_id,
                          const struct routing *routing, struct list *list)
{
	int r = 0;

	LIST_FOR_EACH (node, &routing->routes) {
		const struct route *route =
			container_of(node, struct route, node);

		if (route->verdict == ROUTE_TOLD)
			r = add_delivery(alerts, batch, alert_id, routing,
			                 route, list);
		if (r < 0)
			break;
	}
	return r;
}

/* How many wait now. When we are closing they wait for our next start: who
 * delivers may be gone before the last write has come back. */
static uint32_t begin_deliveries(struct registry_alerts *alerts,
                                 struct list *list)
{
	struct list *node;
	uint32_t n = 0;

	for (; (node = list_pop(list)); n++) {
		struct delivery *delivery =
			container_of(node, struct delivery, node);

		if (alerts->closing)
			mem_free(delivery);
		else
			deliveries_begin(alerts->deliveries, delivery);
	}
	return n;
}

/* --- routing ---------------------------------------------------------------------------------- */

static int route(struct registry_alerts *alerts,
                 const struct am_message *message, struct routing *routing)
{
	struct routing_names names = former_names_routing(alerts->names);

	former_names_look(alerts->names);
	return routing_make(routing, registry_model(alerts->registry), message,
	                    &names, registry_drops(alerts->registry));
}

static int explain_routing(const struct routing *routing, struct buf *out)
{
	struct json_writer json;

	json_write_init(&json, out);
	json_write_object(&json);
	routing_write(&json, routing);
	json_write_object_end(&json);
	if (out->failed == -E2BIG) { /* who is told is in `delivery` */
		buf_reset(out);
		(void)buf_puts(out, "{}");
	}
	return out->failed;
}

static int read_message(struct registry_alerts *alerts, struct slice body,
                        struct am_message *message, struct err *err)
{
	int r = am_read(alerts->reader, body, message, err);

	if (r == AM_E_FORMAT)
		return ALERTS_E_FORMAT;
	return r == AM_E_TOO_LARGE ? ALERTS_E_TOO_LARGE : r;
}

int registry_alerts_explain(struct registry_alerts *alerts, struct slice body,
                            struct json_writer *json, struct err *err)
{
	struct am_message message;
	struct routing routing;
	int r = read_message(alerts, body, &message, err);

	if (r != 0)
		return r;
	r = route(alerts, &message, &routing);
	if (r == 0)
		routing_write(json, &routing);
	else
		(void)err_set(err, r, "out of memory");
	routing_fini(&routing);
	return r;
}

/* --- taken ------------------------------------------------------------------------------------- */

static void prune(struct registry_alerts *alerts);

static void taking_free(struct taking *taking)
{
	free_deliveries(&taking->deliveries);
	repeats_print_fini(&taking->print);
	mem_free(taking);
}

static void on_written(struct store_write *write)
{
	struct taking *taking = container_of(write, struct taking, write);
	struct registry_alerts *alerts = taking->alerts;
	bool kept = write->err.code == 0;

	repeats_settle(&alerts->repeats, &taking->print, kept,
	               uv_now(alerts->loop));
	if (kept) {
		alerts->stats.n_kept++;
		(void)begin_deliveries(alerts, &taking->deliveries);
	} else {
		alerts->stats.n_failed++;
		log_warn(alerts->log, "an alert could not be kept",
		         LOG_STR("reason", write->err.message));
	}
	taking->kept(taking->request, &write->err);
	taking_free(taking);
	if (kept && ++alerts->n_since_pruned >= PRUNE_EACH)
		prune(alerts);
	left(alerts);
}

static int fill_batch(struct taking *taking, struct store_batch *batch,
                      const struct am_message *message, struct slice body)
{
	struct registry_alerts *alerts = taking->alerts;
	uint64_t id = alerts->last_id + 1;
	struct routing routing;
	struct buf explained;
	int r = route(alerts, message, &routing);

	buf_init(&explained, MAX_ROUTING);
	if (r == 0)
		r = explain_routing(&routing, &explained);
	if (r == 0) {
		add_alert(alerts, batch, id, message, body, &routing,
		          buf_slice(&explained));
		r = add_deliveries(alerts, batch, id, &routing,
		                   &taking->deliveries);
	}
	if (r == 0) {
		alerts->last_id = id;
		alerts->stats.n_unrouted += routing.n_told == 0;
		alerts->stats.n_dropped += routing.n_dropped;
	}
	buf_fini(&explained);
	routing_fini(&routing);
	return r;
}

static int write_taking(struct taking *taking, const struct am_message *message,
                        struct slice body, struct err *err)
{
	struct registry_alerts *alerts = taking->alerts;
	struct store_batch *batch = store_batch_new();
	int r = batch ? fill_batch(taking, batch, message, body) : -ENOMEM;

	if (r == 0)
		r = repeats_note(&alerts->repeats, &taking->print,
		                 uv_now(alerts->loop));
	if (r < 0)
		(void)err_set(err, r, "out of memory");
	if (r == 0) {
		r = store_write(registry_store(alerts->registry), batch,
		                &taking->write, on_written, err);
		if (r < 0)
			repeats_settle(&alerts->repeats, &taking->print, false,
			               uv_now(alerts->loop));
	}
	if (r == 0) {
		alerts->n_open++;
		return ALERTS_PENDING;
	}
	store_batch_free(batch);
	alerts->stats.n_failed++;
	return r;
}

static struct taking *taking_new(struct registry_alerts *alerts,
                                 const struct am_message *message)
{
	struct taking *taking = mem_calloc(1, sizeof(*taking));

	if (!taking)
		return NULL;
	taking->alerts = alerts;
	list_init(&taking->deliveries);
	if (repeats_print_make(&taking->print, message) == 0)
		return taking;
	taking_free(taking);
	return NULL;
}

/* 0: it is known. */
static int take(struct taking *taking, const struct am_message *message,
                struct slice body, struct err *err)
{
	struct registry_alerts *alerts = taking->alerts;

	switch (repeats_find(&alerts->repeats, &taking->print,
	                     uv_now(alerts->loop))) {
	case REPEATS_NEW:
		break;
	case REPEATS_WRITING:
		return err_set(err, -EBUSY, "the same is just being kept");
	case REPEATS_KNOWN:
		alerts->stats.n_same++;
		return 0;
	}
	return write_taking(taking, message, body, err);
}

int registry_alerts_take(void *context, struct slice body,
                         void (*kept)(void *request, const struct err *err),
                         void *request, struct err *err)
{
	struct registry_alerts *alerts = context;
	struct am_message message;
	struct taking *taking;
	int r;

	if (alerts->closing)
		return err_set(err, UV_ECANCELED, "the program ends");
	r = read_message(alerts, body, &message, err);
	if (r != 0)
		return r;
	if (routing_drops_all(&message, registry_drops(alerts->registry))) {
		alerts->stats.n_all_dropped++;
		alerts->stats.n_dropped += MAX(message.n_alerts, 1);
		return 0;
	}
	taking = taking_new(alerts, &message);
	if (!taking)
		return err_set(err, -ENOMEM, "out of memory");
	taking->kept = kept;
	taking->request = request;
	r = take(taking, &message, body, err);
	if (r == ALERTS_PENDING)
		return r;
	taking_free(taking);
	return r;
}

/* --- again -------------------------------------------------------------------------------------- */

static void replaying_done(struct registry_replaying *replaying)
{
	struct registry_alerts *alerts = replaying->alerts;

	list_unlink(&replaying->node);
	if (replaying->what == REPLAY_DEAD)
		alerts->n_revived -= replaying->n;
	replaying->n = 0;
	if (replaying->err.code == 0)
		replaying->n = begin_deliveries(alerts, &replaying->deliveries);
	else
		free_deliveries(&replaying->deliveries);
	replaying->done(replaying);
	left(alerts);
}

static void on_replayed(struct store_write *write)
{
	struct registry_replaying *replaying =
		container_of(write, struct registry_replaying, write);

	replaying->err = write->err;
	replaying_done(replaying);
}

static const char revive[] =
	"UPDATE delivery SET state = 0, tries = 0, due_ms = 0,"
	" ended_ms = NULL, words = '' WHERE id = ?1";

static bool is_full(const struct registry_alerts *alerts)
{
	return deliveries_stats(alerts->deliveries).n_waiting +
	               alerts->n_revived >=
	       DELIVERIES_MAX;
}

static int revive_all(struct registry_replaying *replaying,
                      struct store_batch *batch)
{
	const struct store_read *read = &replaying->read;
	struct registry_alerts *alerts = replaying->alerts;

	for (size_t i = 0; i < read->n_rows; i++) {
		struct store_value id = store_read_value(read, i, 1);
		struct delivery *delivery;

		if (id.type == STORE_NULL)
			continue;
		if (is_full(alerts))
			return -ENOBUFS;
		delivery = delivery_new(
			replaying->alert_id,
			(uint64_t)store_read_value(read, i, 2).integer,
			store_read_value(read, i, 3).text);
		if (!delivery)
			return -ENOMEM;
		delivery->id = (uint64_t)id.integer;
		list_append(&replaying->deliveries, &delivery->node);
		replaying->n++;
		alerts->n_revived++;
		store_batch_add(batch, revive, &id, 1);
	}
	return 0;
}

static const char update_routing[] =
	"UPDATE alert SET told = ?2, routing = ?3 WHERE id = ?1";

static int route_again(struct registry_replaying *replaying,
                       struct store_batch *batch)
{
	struct registry_alerts *alerts = replaying->alerts;
	struct am_message message;
	struct routing routing;
	struct buf explained;
	int r = am_read(alerts->reader,
	                store_read_value(&replaying->read, 0, 0).text, &message,
	                NULL);

	if (r != 0)
		return r < 0 ? r : -EINVAL;
	buf_init(&explained, MAX_ROUTING);
	r = route(alerts, &message, &routing);
	if (r == 0)
		r = explain_routing(&routing, &explained);
	if (r == 0)
		r = add_deliveries(alerts, batch, replaying->alert_id, &routing,
		                   &replaying->deliveries);
	if (r == 0)
		store_batch_add(batch, update_routing,
		                (const struct store_value[]){
					STORE_INT((int64_t)replaying->alert_id),
					STORE_INT(routing.n_told),
					STORE_STR(buf_slice(&explained)) },
		                3);
	buf_fini(&explained);
	routing_fini(&routing);
	return r;
}

static int write_replay(struct registry_replaying *replaying, struct err *err)
{
	struct store_batch *batch = store_batch_new();
	int r = !batch ? -ENOMEM
	        : replaying->what == REPLAY_DEAD
	                ? revive_all(replaying, batch)
	                : route_again(replaying, batch);

	if (r == -ENOBUFS)
		(void)err_set(err, r,
		              "too many deliveries wait; try again later");
	else if (r < 0)
		(void)err_set_code(err, r, "cannot deliver it again");
	else
		r = store_write(registry_store(replaying->alerts->registry),
		                batch, &replaying->write, on_replayed, err);
	if (r < 0)
		store_batch_free(batch);
	return r;
}

static void on_replay_read(struct store_read *read)
{
	struct registry_replaying *replaying =
		container_of(read, struct registry_replaying, read);
	struct err *err = &replaying->err;

	*err = read->err;
	if (err->code == 0 && read->n_rows == 0)
		(void)err_set(err, -ENOENT, "there is no such alert");
	if (err->code == 0 && replaying->alerts->closing)
		(void)err_set(err, UV_ECANCELED, "the program ends");
	if (err->code < 0 || write_replay(replaying, err) < 0)
		replaying_done(replaying);
}

/* Both would find the same delivery dead, and it would be made twice. */
static bool is_replayed(const struct registry_alerts *alerts,
                        const struct registry_replaying *replaying)
{
	LIST_FOR_EACH (node, &alerts->replaying) {
		const struct registry_replaying *other =
			container_of(node, struct registry_replaying, node);

		if (other->alert_id == replaying->alert_id &&
		    (other->delivery_id == 0 || replaying->delivery_id == 0 ||
		     other->delivery_id == replaying->delivery_id))
			return true;
	}
	return false;
}

int registry_alerts_replay(struct registry_alerts *alerts,
                           struct registry_replaying *replaying,
                           struct err *err)
{
	const struct store_value values[] = {
		STORE_INT((int64_t)replaying->alert_id),
		STORE_INT((int64_t)replaying->delivery_id),
	};
	int r;

	if (replaying->what == REPLAY_DEAD && is_replayed(alerts, replaying))
		return err_set(err, -EBUSY,
		               "it is just being made to be delivered again");
	replaying->alerts = alerts;
	replaying->n = 0;
	err_clear(&replaying->err);
	list_init(&replaying->deliveries);
	list_init(&replaying->node);
	if (replaying->what == REPLAY_DEAD)
		r = store_read(registry_store(alerts->registry),
		               "SELECT NULL, d.id, d.notifier_id, d.alerts"
		               " FROM alert a LEFT JOIN delivery d"
		               " ON d.alert_id = a.id AND d.state IN (2, 3)"
		               " AND (?2 = 0 OR d.id = ?2)"
		               " WHERE a.id = ?1 ORDER BY d.id",
		               values, 2, &replaying->read, on_replay_read);
	else
		r = store_read(registry_store(alerts->registry),
		               "SELECT body FROM alert WHERE id = ?1", values,
		               1, &replaying->read, on_replay_read);
	if (r < 0)
		return err_set(err, r, "out of memory");
	if (replaying->what == REPLAY_DEAD)
		list_append(&alerts->replaying, &replaying->node);
	alerts->n_open++;
	return 0;
}

/* --- what is kept no longer --------------------------------------------------------------------- */

static void on_pruned(struct store_write *write)
{
	struct registry_alerts *alerts =
		container_of(write, struct registry_alerts, pruning);

	alerts->is_pruning = false;
	if (write->err.code < 0)
		log_warn(alerts->log, "old alerts could not be deleted",
		         LOG_STR("reason", write->err.message));
	left(alerts);
}

static const char prune_old[] =
	"DELETE FROM alert WHERE id IN (SELECT id FROM alert"
	" WHERE received_ms < ?1 AND NOT EXISTS (SELECT 1 FROM delivery"
	"  WHERE alert_id = alert.id AND state = 0)"
	" ORDER BY received_ms LIMIT ?2)";

static const char prune_many[] =
	"DELETE FROM alert WHERE id IN (SELECT id FROM alert"
	" WHERE id <= (SELECT id FROM alert ORDER BY id DESC LIMIT 1 OFFSET ?1)"
	" AND NOT EXISTS (SELECT 1 FROM delivery"
	"  WHERE alert_id = alert.id AND state = 0)"
	" ORDER BY id LIMIT ?2)";

static void prune(struct registry_alerts *alerts)
{
	const struct config_registry *config =
		registry_config(alerts->registry);
	const struct store_value old[] = {
		STORE_INT(wall_ms() - (int64_t)config->keep_alerts_ms),
		STORE_INT(PRUNE_ROWS),
	};
	const struct store_value many[] = {
		STORE_INT(config->max_alerts),
		STORE_INT(PRUNE_ROWS),
	};
	struct store_batch *batch;

	if (alerts->is_pruning || alerts->closing)
		return;
	batch = store_batch_new();
	if (!batch)
		return;
	alerts->n_since_pruned = 0;
	store_batch_add(batch, prune_old, old, ARRAY_SIZE(old));
	store_batch_add(batch, prune_many, many, ARRAY_SIZE(many));
	if (store_write(registry_store(alerts->registry), batch,
	                &alerts->pruning, on_pruned, NULL) < 0) {
		store_batch_free(batch);
		return;
	}
	alerts->is_pruning = true;
	alerts->n_open++;
}

static void on_prune(uv_timer_t *timer)
{
	prune(container_of(timer, struct registry_alerts, prune));
}

/* --- life -------------------------------------------------------------------------------------- */

static void on_changed(struct registry_watch *watch)
{
	former_names_look(
		container_of(watch, struct registry_alerts, watch)->names);
}

static void on_last_id(void *context, const struct store_value *values)
{
	struct registry_alerts *alerts = context;

	alerts->last_id = (uint64_t)values[0].integer;
}

static int read_store(struct registry_alerts *alerts,
                      const struct registry_alerts_options *options,
                      struct err *err)
{
	int r = former_names_new(options->registry, options->seed,
	                         &alerts->names);

	if (r < 0)
		return err_set(err, r, "out of memory");
	r = store_each(registry_store(options->registry),
	               "SELECT seq FROM sqlite_sequence WHERE name = 'alert'",
	               on_last_id, alerts, err);
	if (r == 0)
		r = deliveries_open(options->registry, options->loop,
		                    options->client, options->log,
		                    options->seed, &alerts->deliveries, err);
	return r;
}

int registry_alerts_open(const struct registry_alerts_options *options,
                         struct registry_alerts **alertsp, struct err *err)
{
	struct registry_alerts *alerts = mem_calloc(1, sizeof(*alerts));
	int r;

	if (!alerts)
		return err_set(err, -ENOMEM, "out of memory");
	alerts->registry = options->registry;
	alerts->loop = options->loop;
	alerts->log = options->log;
	alerts->watch.changed = on_changed;
	list_init(&alerts->replaying);
	repeats_init(&alerts->repeats, options->seed);
	alerts->reader = am_reader_new();
	r = alerts->reader ? read_store(alerts, options, err)
	                   : err_set(err, -ENOMEM, "out of memory");
	if (r < 0) {
		free_all(alerts);
		err_wrap(err, "alerts");
		return r;
	}
	(void)uv_timer_init(options->loop, &alerts->prune);
	(void)uv_timer_start(&alerts->prune, on_prune, PRUNE_MS, PRUNE_MS);
	alerts->n_open = 2; /* the timer and the deliveries */
	registry_watch(options->registry, &alerts->watch);
	*alertsp = alerts;
	return 0;
}

struct deliveries *registry_alerts_deliveries(struct registry_alerts *alerts)
{
	return alerts->deliveries;
}

struct registry_alerts_stats registry_alerts_stats(
	const struct registry_alerts *alerts)
{
	struct registry_alerts_stats stats = alerts->stats;

	stats.deliveries = deliveries_stats(alerts->deliveries);
	return stats;
}
