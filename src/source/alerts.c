/* SPDX-License-Identifier: Apache-2.0 */
#include "source/alerts.h"

#include <errno.h>
#include "base/mem.h"
#include "core/matcher.h"
#include "proto/alertmanager.h"

#define EXPIRY_SHARE 16 /* it may be later by this part: a walk over all */
#define RECORD_MAX   ((size_t)64 << 20) /* bytes of those that expired */

struct subscription {
	struct matchers *labels;
	struct matchers *annotations;
	bool per_group;
};

/* What stands for an item at one subscription. */
struct mark {
	uint32_t subscription;
	void *mark; /* NULL: not wanted */
};

/* Of one item: alert_item.user. */
struct marks {
	size_t n;
	struct mark marks[];
};

struct alerts_source {
	struct source base;
	struct alerts *alerts;
	struct alerts_listener listener;
	struct subscription *subscriptions;
	uint32_t n;
	bool listed;
	bool closing;
	uv_timer_t closer; /* only so that `closed` comes from the loop */
	alerts_closed_cb closed;
	void *closed_context;
};

struct alerts {
	uv_loop_t *loop;
	const struct log *log;
	struct alerts_limits limits;
	struct alert_table table;
	struct am_reader *reader;
	struct alerts_file *file;     /* NULL: in memory only */
	struct alerts_source *source; /* that is told; NULL */
	bool refused;                 /* an item was, by the listener, … */
	bool starved;      /* … or has no mark, for want of memory */
	bool any_left;     /* in this reading */
	bool telling;      /* between begin and end */
	uint64_t begun_ms; /* when the last reading did; 0: none */
	bool said_full;
	uv_timer_t turn;             /* something is to be told */
	uv_timer_t expiry;           /* the next alert that nobody repeats */
	struct alerts_write expired; /* those that were, … */
	bool writing_expired;        /* … as long as it is being written */
	uint32_t n_queued;
	struct alerts_stats stats;

	unsigned n_open; /* handles, and the file */
	alerts_closed_cb closed;
	void *closed_context;
};

/* --- what is told --------------------------------------------------------------- */

static const struct observation resolved = { .kind = OBSERVATION_ALERT,
	                                     .exit_code = -1 };

static struct observation firing(const struct alert_item *item)
{
	return (struct observation){
		.kind = OBSERVATION_ALERT,
		.exit_code = -1,
		.firing = true,
		.anew = item->anew,
		.incident = item->incident ? item->incident : 1,
	};
}

static bool matches(const struct subscription *subscription,
                    const struct alert_item *item)
{
	const struct facts *facts = &item->facts;

	return subscription->per_group == item->is_group &&
	       (!subscription->labels ||
	        matchers_match(subscription->labels, facts->labels,
	                       facts->n_labels)) &&
	       (!subscription->annotations ||
	        matchers_match(subscription->annotations, facts->annotations,
	                       facts->n_annotations));
}

static struct mark *find_mark(struct marks *marks, uint32_t subscription)
{
	for (size_t i = 0; marks && i < marks->n; i++) {
		if (marks->marks[i].subscription == subscription)
			return &marks->marks[i];
	}
	return NULL;
}

/* NULL: out of memory. */
static struct mark *add_mark(struct alert_item *item, uint32_t subscription)
{
	struct marks *marks = item->user;
	size_t n = marks ? marks->n : 0;
	struct mark *mark;

	marks = mem_realloc(marks, sizeof(*marks) + (n + 1) * sizeof(*mark));
	if (!marks)
		return NULL;
	item->user = marks;
	marks->n = n + 1;
	mark = &marks->marks[n];
	*mark = (struct mark){ .subscription = subscription };
	return mark;
}

/* There is no room for it now. */
static void refuse(struct alerts *alerts, const struct mark *mark)
{
	alerts->refused = true;
	alerts->starved |= !mark;
	alerts->stats.n_refused++;
}

/* The listener may close its source at any time. */
static void tell_one(struct alerts_source *source, struct alert_item *item,
                     uint32_t subscription)
{
	const struct alerts_listener *listener = &source->listener;
	struct mark *mark = find_mark(item->user, subscription);
	struct observation observation = firing(item);

	if (!mark && !matches(&source->subscriptions[subscription], item))
		return;
	if (!mark)
		mark = add_mark(item, subscription);
	if (mark && !mark->mark)
		mark->mark = listener->appear(listener->context, &source->base,
		                              subscription, item);
	if (mark && mark->mark)
		listener->observe(listener->context, &source->base, mark->mark,
		                  &observation, item);
	else
		refuse(source->alerts, mark);
}

static void tell_firing(struct alerts_source *source, struct alert_item *item)
{
	for (uint32_t i = 0; i < source->n && !source->closing; i++)
		tell_one(source, item, i);
	item->anew &= source->closing;
	source->alerts->stats.n_unmatched += !item->user && !item->is_group;
}

static void tell_resolved(struct alerts_source *source, struct alert_item *item)
{
	const struct alerts_listener *listener = &source->listener;
	struct marks *marks = item->user;

	for (size_t i = 0; marks && i < marks->n && !source->closing; i++) {
		void *mark = marks->marks[i].mark;

		if (!mark)
			continue;
		listener->observe(listener->context, &source->base, mark,
		                  &resolved, item);
		if (!source->closing)
			listener->leave(listener->context, &source->base, mark);
	}
}

static void item_free(struct alert_item *item)
{
	mem_free(item->user);
	alert_item_free(item);
}

static bool is_refused(const struct alert_item *item)
{
	const struct marks *marks = item->user;

	for (size_t i = 0; marks && i < marks->n; i++) {
		if (!marks->marks[i].mark)
			return true;
	}
	return false;
}

static void touch_refused(struct alerts *alerts, struct list *items)
{
	LIST_FOR_EACH (node, items) {
		struct alert_item *item =
			container_of(node, struct alert_item, node);

		if (is_refused(item))
			alert_table_touch(&alerts->table, item);
	}
}

/* Some have left: there may be room for those that were not wanted. */
static void ask_again(struct alerts *alerts)
{
	if (!alerts->refused)
		return;
	alerts->refused = false;
	if (alerts->starved) {
		alerts->starved = false;
		alert_table_touch_all(&alerts->table);
		return;
	}
	touch_refused(alerts, &alerts->table.alert_list);
	touch_refused(alerts, &alerts->table.group_list);
}

static void tell(struct alerts_source *source, struct alert_item *item)
{
	if (item->firing) {
		tell_firing(source, item);
	} else {
		tell_resolved(source, item);
		item_free(item);
		source->alerts->any_left = true;
	}
}

static void tell_some(struct alerts_source *source)
{
	struct alert_table *table = &source->alerts->table;
	uint64_t until_ns = uv_hrtime() + ALERTS_SLICE_US * 1000ull;
	struct alert_item *item;

	do {
		item = alert_table_take(table);
		if (item)
			tell(source, item);
	} while (item && !source->closing && uv_hrtime() < until_ns);
}

static void on_turn(uv_timer_t *timer);

/* Nobody is told: who comes later is told of all that fires then. */
static void drop_changes(struct alerts *alerts)
{
	struct alert_item *item;

	while ((item = alert_table_take(&alerts->table))) {
		if (!item->firing)
			item_free(item);
	}
}

/* Within a reading at once. */
static void start_turn(struct alerts *alerts)
{
	uint64_t now_ms = uv_now(alerts->loop);
	uint64_t next_ms = alerts->begun_ms + ALERTS_READING_MS;
	bool waits = !alerts->telling && alerts->begun_ms && next_ms > now_ms;

	if (!alerts->closed && !uv_is_active((uv_handle_t *)&alerts->turn))
		(void)uv_timer_start(&alerts->turn, on_turn,
		                     waits ? next_ms - now_ms : 0, 0);
}

static void arm_turn(struct alerts *alerts)
{
	if (alerts->source)
		start_turn(alerts);
	else
		drop_changes(alerts);
}

static void begin_reading(struct alerts_source *source)
{
	static const struct reading whole = { .detail = "" };
	const struct alerts_listener *listener = &source->listener;
	struct alerts *alerts = source->alerts;

	alerts->telling = true;
	alerts->any_left = false;
	alerts->begun_ms = uv_now(alerts->loop);
	listener->begin(listener->context, &source->base,
	                source->listed ? NULL : &whole);
}

static void end_reading(struct alerts_source *source)
{
	const struct alerts_listener *listener = &source->listener;
	struct alerts *alerts = source->alerts;

	if (!source->listed && !alert_table_has_changes(&alerts->table)) {
		source->listed = true;
		listener->listed(listener->context, &source->base);
	}
	if (source->closing)
		return;
	alerts->telling = false;
	listener->end(listener->context, &source->base);
	if (!source->closing && alerts->any_left)
		ask_again(alerts);
}

static void on_turn(uv_timer_t *timer)
{
	struct alerts *alerts = container_of(timer, struct alerts, turn);
	struct alerts_source *source = alerts->source;

	if (!source)
		return;
	if (!alerts->telling)
		begin_reading(source);
	if (!source->closing)
		tell_some(source);
	/* it ends also where news come faster than they are told */
	if (!source->closing &&
	    (!alert_table_has_changes(&alerts->table) ||
	     uv_now(alerts->loop) >= alerts->begun_ms + ALERTS_READING_MS))
		end_reading(source);
	if (alert_table_has_changes(&alerts->table))
		arm_turn(alerts);
}

/* --- what nobody repeats ------------------------------------------------------------ */

static void on_expiry(uv_timer_t *timer);

/* When the first is due; who is told of again only makes that later. */
static void arm_expiry(struct alerts *alerts, uint64_t rest_ms)
{
	uint64_t after_ms = alerts->limits.resolve_after_ms;
	uint64_t now_ms = uv_now(alerts->loop);
	uint64_t oldest_ms;
	uint64_t due_ms;

	if (after_ms == 0 || alerts->closed || alerts->writing_expired ||
	    uv_is_active((uv_handle_t *)&alerts->expiry))
		return;
	oldest_ms = alert_table_oldest(&alerts->table);
	if (oldest_ms == UINT64_MAX)
		return;
	due_ms = MAX(oldest_ms + after_ms + 1, now_ms + rest_ms);
	(void)uv_timer_start(&alerts->expiry, on_expiry, due_ms - now_ms, 0);
}

static void on_expired_kept(struct alerts_write *write)
{
	struct alerts *alerts = container_of(write, struct alerts, expired);

	alerts->writing_expired = false;
	if (write->err.code < 0 && !alerts->closed)
		alerts_file_renew(alerts->file);
	arm_expiry(alerts, 1);
}

static void keep_expired(struct alerts *alerts, const struct buf *record)
{
	int r = record->failed;

	if (r == 0)
		r = alerts_file_write(alerts->file, buf_slice(record),
		                      &alerts->expired, on_expired_kept);
	if (r == 0)
		alerts->writing_expired = true;
	else
		alerts_file_doubt(alerts->file);
}

static void expire(struct alerts *alerts, uint64_t before_ms)
{
	struct buf record;
	uint32_t n;

	buf_init(&record, RECORD_MAX);
	n = alert_table_expire(&alerts->table, before_ms, ALERTS_EXPIRE,
	                       alerts->file ? &record : NULL);
	if (n) {
		log_warn(alerts->log,
		         "alerts that are not repeated are taken for resolved; "
		         "see resolve_after",
		         LOG_INT("alerts", n));
		alerts->stats.n_expired += n;
		arm_turn(alerts);
	}
	if (n && alerts->file)
		keep_expired(alerts, &record);
	buf_fini(&record);
	arm_expiry(alerts,
	           n == ALERTS_EXPIRE
	                   ? 1
	                   : alerts->limits.resolve_after_ms / EXPIRY_SHARE);
}

static void on_expiry(uv_timer_t *timer)
{
	struct alerts *alerts = container_of(timer, struct alerts, expiry);
	uint64_t after_ms = alerts->limits.resolve_after_ms;
	uint64_t now_ms = uv_now(alerts->loop);

	if (now_ms > after_ms)
		expire(alerts, now_ms - after_ms);
	else
		arm_expiry(alerts, 1);
}

/* --- what comes in -------------------------------------------------------------------- */

static int read_message(struct alerts *alerts, struct slice body,
                        struct am_message *message, struct err *err)
{
	int r = am_read(alerts->reader, body, message, err);

	switch (r) {
	case AM_E_FORMAT:
		return ALERTS_E_FORMAT;
	case AM_E_TOO_LARGE:
		return ALERTS_E_TOO_LARGE;
	default:
		return r;
	}
}

static void note_news(struct alerts *alerts, const struct alert_news *news)
{
	struct alerts_stats *stats = &alerts->stats;

	stats->n_messages++;
	stats->n_firing += news->n_firing;
	stats->n_resolved += news->n_resolved;
	stats->n_same += news->n_same;
	stats->n_again += news->n_again;
	stats->n_dropped += news->n_dropped;
	if (news->n_dropped && !alerts->said_full)
		log_warn(alerts->log,
		         "as many alerts fire as may, others are left out; see "
		         "alerts.max_alerts",
		         LOG_INT("max_alerts", alerts->limits.max_alerts));
	alerts->said_full = news->n_dropped > 0;
}

static void on_kept(struct alerts_write *write)
{
	struct alerts_taking *taking =
		container_of(write, struct alerts_taking, write);

	taking->alerts->n_queued--;
	taking->err = write->err;
	taking->taken(taking);
}

static int keep(struct alerts *alerts, struct slice message,
                struct alerts_taking *taking, struct err *err)
{
	int r = alerts_file_write(alerts->file, message, &taking->write,
	                          on_kept);

	if (r == 0) {
		alerts->n_queued++;
		return ALERTS_PENDING;
	}
	if (r != -E2BIG)
		return err_set(err, r, "out of memory");
	(void)err_set(err, r, "too much is being written");
	return ALERTS_E_FULL;
}

int alerts_take(struct alerts *alerts, struct slice body,
                struct alerts_taking *taking, alerts_taken_cb taken,
                struct err *err)
{
	struct am_message message;
	struct alert_news news;
	int r;

	taking->alerts = alerts;
	taking->taken = taken;
	if (alerts->n_queued >= alerts->limits.queue_size) {
		(void)err_set(err, -EAGAIN,
		              "too many messages are being taken");
		return ALERTS_E_FULL;
	}
	r = read_message(alerts, body, &message, err);
	if (r)
		return r;
	r = alert_table_apply(&alerts->table, &message, uv_now(alerts->loop),
	                      &news);
	note_news(alerts, &news);
	if (alert_table_has_changes(&alerts->table))
		arm_turn(alerts);
	arm_expiry(alerts, 0);
	if (r < 0) {
		if (alerts->file)
			alerts_file_doubt(alerts->file);
		return err_set(err, r, "out of memory");
	}
	if (!alerts->file)
		return 0;
	if (news.any)
		return keep(alerts, body, taking, err);
	/* known, but is it written already? */
	if (alerts->n_queued == 0 && !alerts_file_is_failing(alerts->file))
		return 0;
	return keep(alerts, slice_from(""), taking, err);
}

struct alerts_stats alerts_stats(const struct alerts *alerts)
{
	struct alerts_stats stats = alerts->stats;

	stats.n_alerts = alerts->table.n_alerts;
	stats.n_groups = alerts->table.n_groups;
	stats.n_queued = alerts->n_queued;
	if (alerts->file) {
		stats.failing = alerts_file_is_failing(alerts->file);
		stats.n_failures = alerts_file_n_failures(alerts->file);
	}
	return stats;
}

/* --- the source ------------------------------------------------------------------------- */

struct alerts_source *alerts_source_new(struct alerts *alerts,
                                        const struct alerts_listener *listener)
{
	struct alerts_source *source = mem_calloc(1, sizeof(*source));

	if (!source)
		return NULL;
	source->base.name = ALERTS_NAME;
	source->alerts = alerts;
	source->listener = *listener;
	return source;
}

static int parse_matchers(const char *text, struct matchers **matchersp,
                          struct err *err)
{
	return text ? matchers_parse(slice_from(text), matchersp, err) : 0;
}

int alerts_source_subscribe(struct alerts_source *source, uint32_t subscription,
                            const struct alerts_query *query, struct err *err)
{
	struct subscription new = { .per_group = query->per_group };
	struct subscription *all;
	int r;

	all = mem_realloc(source->subscriptions,
	                  (subscription + 1) * sizeof(*all));
	if (!all)
		return err_set(err, -ENOMEM, "out of memory");
	source->subscriptions = all;
	r = parse_matchers(query->match_labels, &new.labels, err);
	if (r == 0)
		r = parse_matchers(query->match_annotations, &new.annotations,
		                   err);
	if (r < 0) {
		matchers_free(new.labels);
		return r;
	}
	all[subscription] = new;
	source->n = subscription + 1;
	return 0;
}

/* What stood for them was another source's. */
static void forget_marks(struct list *items)
{
	LIST_FOR_EACH (node, items) {
		struct alert_item *item =
			container_of(node, struct alert_item, node);

		mem_free(item->user);
		item->user = NULL;
	}
}

void alerts_source_start(struct alerts_source *source)
{
	struct alerts *alerts = source->alerts;

	drop_changes(alerts);
	forget_marks(&alerts->table.alert_list);
	forget_marks(&alerts->table.group_list);
	alerts->refused = false;
	alerts->starved = false;
	alerts->telling = false;
	alerts->begun_ms = 0;
	alerts->source = source;
	alert_table_touch_all(&alerts->table);
	arm_turn(alerts);
}

void alerts_source_check(struct alerts_source *source, const char *identity)
{
	struct alerts *alerts = source->alerts;

	if (alerts->source != source)
		return;
	alert_table_touch_named(&alerts->table, identity);
	arm_turn(alerts);
}

int alerts_message(const struct alerts *alerts, const char *identity,
                   struct arena *arena, struct am_message *message)
{
	const struct alert_item *item =
		alert_table_find(&alerts->table, identity);

	return item ? alert_item_message(item, arena, message) : -ENOENT;
}

struct source *alerts_source_base(struct alerts_source *source)
{
	return &source->base;
}

static void on_source_closed(uv_handle_t *handle)
{
	struct alerts_source *source = container_of(
		(uv_timer_t *)handle, struct alerts_source, closer);
	alerts_closed_cb closed = source->closed;
	void *context = source->closed_context;

	for (uint32_t i = 0; i < source->n; i++) {
		matchers_free(source->subscriptions[i].labels);
		matchers_free(source->subscriptions[i].annotations);
	}
	mem_free(source->subscriptions);
	mem_free(source);
	closed(context);
}

void alerts_source_close(struct alerts_source *source, alerts_closed_cb closed,
                         void *context)
{
	struct alerts *alerts = source->alerts;

	source->closing = true;
	source->closed = closed;
	source->closed_context = context;
	if (alerts->source == source)
		alerts->source = NULL;
	(void)uv_timer_init(alerts->loop, &source->closer);
	uv_close((uv_handle_t *)&source->closer, on_source_closed);
}

/* --- life ----------------------------------------------------------------------------------- */

static void table_fini(struct alert_table *table)
{
	struct alert_item *item;

	forget_marks(&table->alert_list);
	forget_marks(&table->group_list);
	while ((item = alert_table_take(table))) {
		if (!item->firing)
			item_free(item);
	}
	alert_table_fini(table);
}

static void alerts_free(struct alerts *alerts)
{
	table_fini(&alerts->table);
	am_reader_free(alerts->reader);
	mem_free(alerts);
}

int alerts_new(const struct alerts_options *options, struct alerts **alertsp)
{
	struct alerts *alerts = mem_calloc(1, sizeof(*alerts));
	struct alerts_file_options file = {
		.loop = options->loop,
		.log = options->log,
		.dir = options->dir,
	};
	int r = 0;

	if (!alerts)
		return -ENOMEM;
	alerts->loop = options->loop;
	alerts->log = options->log;
	alert_table_init(&alerts->table, options->seed, UINT32_MAX);
	alerts->reader = am_reader_new();
	file.table = &alerts->table;
	file.reader = alerts->reader;
	if (!alerts->reader)
		r = -ENOMEM;
	if (r == 0 && options->dir)
		r = alerts_file_open(&file, uv_now(options->loop),
		                     &alerts->file);
	if (r < 0) {
		alerts_free(alerts);
		return r;
	}
	/* cannot fail */
	(void)uv_timer_init(options->loop, &alerts->turn);
	(void)uv_timer_init(options->loop, &alerts->expiry);
	if (alerts->table.n_alerts)
		log_info(alerts->log, "alerts that fired were read",
		         LOG_INT("alerts", alerts->table.n_alerts));
	*alertsp = alerts;
	return 0;
}

void alerts_configure(struct alerts *alerts, const struct alerts_limits *limits)
{
	alerts->limits = *limits;
	alerts->table.max_alerts = limits->max_alerts;
	(void)uv_timer_stop(&alerts->expiry);
	arm_expiry(alerts, 0);
}

static void closed_one(struct alerts *alerts)
{
	alerts_closed_cb closed = alerts->closed;
	void *context = alerts->closed_context;

	if (--alerts->n_open > 0)
		return;
	alerts_free(alerts);
	closed(context);
}

static void on_turn_closed(uv_handle_t *handle)
{
	closed_one(container_of((uv_timer_t *)handle, struct alerts, turn));
}

static void on_expiry_closed(uv_handle_t *handle)
{
	closed_one(container_of((uv_timer_t *)handle, struct alerts, expiry));
}

static void on_file_closed(void *context)
{
	closed_one(context);
}

void alerts_close(struct alerts *alerts, alerts_closed_cb closed, void *context)
{
	alerts->closed = closed;
	alerts->closed_context = context;
	alerts->n_open = 2 + (alerts->file != NULL);
	uv_close((uv_handle_t *)&alerts->turn, on_turn_closed);
	uv_close((uv_handle_t *)&alerts->expiry, on_expiry_closed);
	if (alerts->file)
		alerts_file_close(alerts->file, on_file_closed, alerts);
}
