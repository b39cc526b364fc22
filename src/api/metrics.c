/* SPDX-License-Identifier: Apache-2.0 */
/*
 * metrics: GET /metrics, one text exposition of what has been recorded and of
 * what was pushed to the built-in gateway.
 *
 * Two lists of families, both sorted by name, are merged; a family that is in
 * both comes once, with our own samples first. It is made in pieces while it
 * is sent, so that pushes have their turn; what was pushed is seen as it was
 * when the request came (core/push_store.h).
 */
#include "api/metrics.h"

#include <errno.h>
#include "api/gateway.h"
#include "config/config.h"
#include "api/routes.h"
#include "base/mem.h"
#include "core/exposition_writer.h"

enum stage {
	NEXT_FAMILY,
	OWN_SAMPLES,
	PUSHED_SAMPLES,
};

struct metrics_stream {
	struct api_stream stream; /* from family to family through monitors */
	enum stage stage;
	size_t own;           /* the present or the next family of ours */
	struct api_view view; /* without one if there is no gateway */
	bool has_pushed;      /* `pushed` is the present or the next one */
	struct push_view_family pushed;
};

static const struct api_family *own_family(const struct metrics_stream *stream)
{
	size_t n;
	const struct api_family *families = api_families(&n);

	return stream->own < n ? &families[stream->own] : NULL;
}

static void next_pushed(struct metrics_stream *stream)
{
	stream->has_pushed = stream->view.view &&
	                     push_view_next(stream->view.view, &stream->pushed);
}

/* As strcmp(): which of the two comes first. */
static int compare(const struct api_family *own,
                   const struct metrics_stream *stream)
{
	if (!stream->has_pushed)
		return -1;
	return slice_compare(slice_from(own->name), stream->pushed.name);
}

/* Inside HELP only these two are escaped. */
static void write_help(struct buf *out, struct slice name, struct slice help)
{
	if (help.n == 0)
		return;
	(void)buf_puts(out, "# HELP ");
	(void)buf_append(out, name.p, name.n);
	(void)buf_putc(out, ' ');
	for (size_t i = 0; i < help.n; i++) {
		if (help.p[i] == '\n')
			(void)buf_puts(out, "\\n");
		else if (help.p[i] == '\\')
			(void)buf_puts(out, "\\\\");
		else
			(void)buf_putc(out, help.p[i]);
	}
	(void)buf_putc(out, '\n');
}

static void write_pushed_head(const struct push_view_family *family,
                              struct buf *out)
{
	write_help(out, family->name, family->help);
	(void)buf_puts(out, "# TYPE ");
	(void)buf_append(out, family->name.p, family->name.n);
	(void)buf_putc(out, ' ');
	(void)buf_puts(out, metric_type_name(family->type));
	(void)buf_putc(out, '\n');
}

bool api_engine_at(const struct api *api, uint32_t at,
                   struct api_engine *engine)
{
	return api->ops && api->ops->engine &&
	       api->ops->engine(api->ops->context, at, engine);
}

static bool count_notices(const struct api *api, uint64_t *n)
{
	return api->ops && api->ops->notices &&
	       api->ops->notices(api->ops->context, n);
}

/* Is there anything of which it speaks? */
static bool is_there(const struct api *api, const struct api_family *family)
{
	uint64_t n[N_NOTIFIER_RESULTS];
	struct api_engine engine;

	if (family->gateway)
		return api->builtin;
	if (family->alerts || family->amx)
		return api->alerts && api->alerts_config &&
		       (family->alerts || api->alerts_config->amx_metrics);
	if (family->extension)
		return api->extension;
	if (family->engine)
		return api_engine_at(api, 0, &engine);
	if (family->rule)
		return !list_empty(&api->supervisor->rules);
	return !family->notices || count_notices(api, n);
}

static void begin_family(struct metrics_stream *stream, struct buf *out)
{
	const struct api_family *own = own_family(stream);

	if (!own && !stream->has_pushed) {
		stream->stream.ended = true;
	} else if (!own || compare(own, stream) > 0) {
		write_pushed_head(&stream->pushed, out);
		stream->stage = PUSHED_SAMPLES;
	} else if (!is_there(stream->stream.api, own)) {
		stream->own++;
	} else {
		exposition_family(out, own->name, metric_type_name(own->type),
		                  own->help);
		stream->stage = OWN_SAMPLES;
	}
}

static void write_others(const struct api *api, const struct api_family *own,
                         struct buf *out)
{
	uint64_t n[N_NOTIFIER_RESULTS];
	struct api_engine engine;

	for (uint32_t i = 0; own->engine && api_engine_at(api, i, &engine); i++)
		own->engine(api, &engine, own->name, out);
	if (own->rule) {
		LIST_FOR_EACH (node, &api->supervisor->rules)
			own->rule(container_of(node, struct rule, node),
			          own->name, out);
	}
	if (own->notices && count_notices(api, n))
		own->notices(n, own->name, out);
}

static void write_own(struct metrics_stream *stream, struct buf *out)
{
	const struct api_family *own = own_family(stream);
	const struct api *api = stream->stream.api;
	uint32_t *next = &stream->stream.next;

	if (own->monitor && *next < api->n_monitors) {
		own->monitor(api, api->monitors[(*next)++], own->name, out);
		return;
	}
	for (uint32_t i = 0; own->source && i < api->n_groups; i++)
		own->source(api->groups[i], own->name, out);
	write_others(api, own, out);
	if (own->daemon)
		own->daemon(api, own->name, out);
	if (own->gateway)
		own->gateway(api, own->name, out);
	if (own->alerts)
		own->alerts(api, own->name, out);
	if (own->amx)
		own->amx(api, own->name, out);
	if (own->extension && api->extension)
		api->extension->sample(api->extension->context, own->name, out);

	stream->stage = compare(own, stream) ? NEXT_FAMILY : PUSHED_SAMPLES;
	*next = 0;
	stream->own++;
}

static void write_some(struct api_stream *shown, struct buf *out)
{
	struct metrics_stream *stream =
		container_of(shown, struct metrics_stream, stream);

	switch (stream->stage) {
	case NEXT_FAMILY:
		begin_family(stream, out);
		break;
	case OWN_SAMPLES:
		write_own(stream, out);
		break;
	case PUSHED_SAMPLES:
		if (!push_view_write(stream->view.view, out, API_PIECE_SIZE))
			break;
		next_pushed(stream);
		stream->stage = NEXT_FAMILY;
		break;
	default:
		break;
	}
}

static void produce(void *state, struct buf *out)
{
	struct metrics_stream *stream = state;

	if (!out) {
		api_view_close(&stream->view);
		api_stream_fini(&stream->stream);
		mem_free(stream);
		return;
	}
	/* the gateway is gone: cut it short, so that nobody takes it for the
	 * whole */
	if (stream->has_pushed && !stream->view.view)
		out->failed = -ECANCELED;
	else
		api_stream_take(&stream->stream, out);
}

void api_metrics(struct api *api, struct http_exchange *exchange,
                 struct slice rest)
{
	struct metrics_stream *stream = mem_calloc(1, sizeof(*stream));

	if (!stream) {
		http_respond_text(exchange, 500, "out of memory");
		return;
	}
	if (api->builtin && !api_view_open(api, exchange, &stream->view)) {
		mem_free(stream);
		return;
	}
	api_stream_init(&stream->stream, api, write_some);
	next_pushed(stream);
	http_respond_stream(exchange, 200, EXPOSITION_CONTENT_TYPE, NULL,
	                    produce, stream);
}
