/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/server_figures.h"

#include <inttypes.h>
#include <string.h>
#include "base/duration.h"
#include "base/text.h"
#include "core/exposition_writer.h"
#include "registry/registry.h"
#include "registry/servers.h"

#define SECOND_MS 1000

enum figure {
	FIGURE_AGE,
	FIGURE_CONNECTED,
	FIGURE_FAILED,
	FIGURE_IN_SYNC,
	FIGURE_LOADED,
	FIGURE_REVISION,
	FIGURE_WANTED,
	FIGURE_WRITTEN,
	N_FIGURES,
};

static const char *const names[N_FIGURES] = {
	[FIGURE_AGE] = "bouncer_registry_server_report_age_seconds",
	[FIGURE_CONNECTED] = "bouncer_registry_server_connected",
	[FIGURE_FAILED] = "bouncer_registry_server_failed",
	[FIGURE_IN_SYNC] = "bouncer_registry_server_in_sync",
	[FIGURE_LOADED] = "bouncer_registry_server_loaded",
	[FIGURE_REVISION] = "bouncer_registry_server_revision",
	[FIGURE_WANTED] = "bouncer_registry_server_wanted_revision",
	[FIGURE_WRITTEN] = "bouncer_registry_server_written",
};

/* False: it is not known. Of one that fetches by itself nothing is. */
static bool figure_of(enum figure figure, const struct server_status *status,
                      int64_t now_s, double *valuep)
{
	switch (figure) {
	case FIGURE_AGE:
		*valuep = (double)MAX(now_s - status->reported_s, 0);
		return status->reported;
	case FIGURE_CONNECTED:
		*valuep = status->connected;
		return true;
	case FIGURE_FAILED:
		*valuep = status->sync == SERVER_FAILED;
		return status->reported;
	case FIGURE_IN_SYNC:
		*valuep = status->sync == SERVER_IN_SYNC;
		return status->reported;
	case FIGURE_LOADED:
		*valuep = status->loaded == SERVER_LOADED;
		return status->loaded != SERVER_LOADED_UNKNOWN;
	case FIGURE_REVISION:
		*valuep = (double)status->revision;
		return status->reported;
	case FIGURE_WANTED:
		*valuep = (double)status->wanted;
		return true;
	case FIGURE_WRITTEN: /* of each kind */
	case N_FIGURES:
	default:
		return false;
	}
}

static void sample(const char *family, enum figure figure,
                   const struct object *server,
                   const struct server_status *status, int64_t now_s,
                   struct buf *out)
{
	const struct object *shard = object_ref(server, SERVER_SHARD);
	char name[SERVER_NAME_MAX];
	const struct exposition_label labels[] = {
		{ "server", server_name(server, name) },
		{ "shard", object_text(shard, SHARD_NAME) },
	};
	double value;

	if (figure_of(figure, status, now_s, &value))
		exposition_sample(out, family, "", labels, ARRAY_SIZE(labels),
		                  value);
}

/* Of each kind that its worker wants. */
static void sample_written(const char *family, const struct object *server,
                           const struct server_status *status, struct buf *out)
{
	const struct object *shard = object_ref(server, SERVER_SHARD);
	char name[SERVER_NAME_MAX];
	struct exposition_label labels[] = {
		{ "kind", "" },
		{ "server", server_name(server, name) },
		{ "shard", object_text(shard, SHARD_NAME) },
	};

	for (size_t i = 0; i < N_DOCUMENT_KINDS; i++) {
		if (!status->used[i])
			continue;
		labels[0].value = document_kind_name((enum document_kind)i);
		exposition_sample(out, family, "", labels, ARRAY_SIZE(labels),
		                  status->written[i]);
	}
}

static void status_of(struct registry *registry, const struct object *server,
                      struct server_status *status)
{
	servers_status(registry_servers(registry), server,
	               registry_documents(registry), registry_now_s(registry),
	               status);
}

void server_figures_sample(struct registry *registry, const char *family,
                           struct buf *out)
{
	enum figure figure = FIGURE_AGE;
	struct server_status status;

	while (figure < N_FIGURES && strcmp(names[figure], family) != 0)
		figure++;
	if (figure == N_FIGURES)
		return;
	MODEL_FOR_EACH(server, registry_model(registry), KIND_SERVER)
	{
		status_of(registry, server, &status);
		if (figure == FIGURE_WRITTEN)
			sample_written(family, server, &status, out);
		sample(family, figure, server, &status,
		       registry_now_s(registry), out);
	}
}

static void cell(struct buf *out, const char *text)
{
	(void)buf_puts(out, "<td>");
	text_escape_html(out, slice_from(text));
	(void)buf_puts(out, "</td>");
}

static void age_cell(struct buf *out, int64_t since_s, int64_t now_s)
{
	char age[DURATION_TEXT_MAX] = "";

	if (since_s)
		(void)duration_format(
			(uint64_t)MAX(now_s - since_s, 0) * SECOND_MS, age);
	cell(out, age);
}

/* What it is to have, what of that is there, and loaded. */
static void progress_cells(struct buf *out, const struct server_status *status)
{
	char missing[SERVER_MISSING_MAX];

	(void)buf_printf(out, "<td>%" PRIu64 "</td>", status->wanted);
	if (!status->reported)
		cell(out, "");
	else if (server_missing(status, missing)[0])
		(void)buf_printf(out, "<td>all but %s</td>", missing);
	else
		cell(out, "all");
	cell(out, status->loaded == SERVER_LOADED       ? "yes"
	          : status->loaded == SERVER_NOT_LOADED ? "no"
	                                                : "");
}

static void write_row(struct registry *registry, const struct object *server,
                      struct buf *out)
{
	const struct object *shard = object_ref(server, SERVER_SHARD);
	int64_t now_s = registry_now_s(registry);
	struct server_status status;
	char name[SERVER_NAME_MAX];

	status_of(registry, server, &status);
	(void)buf_printf(out, "<tr class=\"%s\">",
	                 status.sync == SERVER_FAILED ||
	                                 status.sync == SERVER_LOST
	                         ? "gave_up"
	                         : "");
	cell(out, server_name(server, name));
	cell(out, object_text(shard, SHARD_NAME));
	cell(out, server_sync_name(status.sync));
	age_cell(out, status.since_s, now_s);
	cell(out, status.connected ? "yes" : "no");
	progress_cells(out, &status);
	age_cell(out, status.reported_s, now_s);
	cell(out, server_sync_words(&status));
	(void)buf_puts(out, "</tr>\n");
}

void server_figures_page(struct registry *registry, struct buf *out)
{
	const struct model *model = registry_model(registry);

	if (model_count(model, KIND_SERVER) == 0)
		return;
	(void)buf_puts(out, "<h2>Servers</h2>\n<table><thead><tr>"
	                    "<th>Server</th><th>Shard</th><th>State</th>"
	                    "<th>Since</th><th>Connected</th><th>Wanted</th>"
	                    "<th>Written</th><th>Loaded</th>"
	                    "<th>Reported</th><th></th>"
	                    "</tr></thead><tbody>\n");
	MODEL_FOR_EACH(server, model, KIND_SERVER)
	write_row(registry, server, out);
	(void)buf_puts(out, "</tbody></table>\n");
}
