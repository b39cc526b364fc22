/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/figures.h"

#include <string.h>
#include "base/text.h"
#include "core/exposition_writer.h"
#include "registry/alerts.h"
#include "registry/registry.h"
#include "registry/server_figures.h"

#define US_PER_S 1e6

/* --- samples ---------------------------------------------------------------- */

/* All that a sample may need, asked for once for each. */
struct figures {
	struct registry *registry;
	struct registry_alerts_stats alerts;
	struct registry_stats stats;
	struct store_stats store;
	const char *family;
	struct buf *out;
};

static void plain(const struct figures *figures, double value)
{
	exposition_sample(figures->out, figures->family, "", NULL, 0, value);
}

static void labelled(const struct figures *figures, const char *name,
                     const char *value, double number)
{
	const struct exposition_label label = { name, value };

	exposition_sample(figures->out, figures->family, "", &label, 1, number);
}

static void write_alerts(const struct figures *figures)
{
	labelled(figures, "result", "kept", (double)figures->alerts.n_kept);
	labelled(figures, "result", "same", (double)figures->alerts.n_same);
	labelled(figures, "result", "failed", (double)figures->alerts.n_failed);
	labelled(figures, "result", "dropped",
	         (double)figures->alerts.n_all_dropped);
}

static void write_dropped(const struct figures *figures)
{
	plain(figures, (double)figures->alerts.n_dropped);
}

static void write_unrouted(const struct figures *figures)
{
	plain(figures, (double)figures->alerts.n_unrouted);
}

static void write_deliveries(const struct figures *figures)
{
	const struct deliveries_stats *stats = &figures->alerts.deliveries;

	for (int i = DELIVERY_SENT; i < N_DELIVERY_STATES; i++)
		labelled(figures, "result",
		         delivery_state_name((enum delivery_state)i),
		         (double)stats->n_ends[i]);
	labelled(figures, "result", "retried", (double)stats->n_retries);
	labelled(figures, "result", "unwritten", (double)stats->n_unwritten);
}

static void write_undelivered(const struct figures *figures)
{
	plain(figures, figures->alerts.deliveries.n_waiting);
}

static void write_checks(const struct figures *figures)
{
	static const char *const results[] = { "good", "bad", "failed" };

	for (size_t i = 0; i < ARRAY_SIZE(results); i++)
		labelled(figures, "result", results[i],
		         (double)figures->stats.n_checks[i]);
}

static void write_commit_time(const struct figures *figures)
{
	plain(figures, (double)figures->store.last_commit_us / US_PER_S);
}

static void write_commits(const struct figures *figures)
{
	plain(figures, (double)figures->store.n_commits);
}

static void write_failed(const struct figures *figures)
{
	plain(figures, (double)figures->store.n_failed);
}

static void write_size(const struct figures *figures)
{
	plain(figures, (double)figures->store.size_bytes);
}

static void write_queue(const struct figures *figures)
{
	plain(figures, (double)figures->store.n_queued_bytes);
}

static const struct document *document_of(const struct figures *figures,
                                          enum document_kind kind)
{
	return documents_get(registry_documents(figures->registry), NULL, kind);
}

static void write_bytes(const struct figures *figures)
{
	for (unsigned i = 0; i < N_DOCUMENT_KINDS; i++) {
		const struct document *document =
			document_of(figures, (enum document_kind)i);

		labelled(figures, "kind",
		         document_kind_name((enum document_kind)i),
		         document ? (double)document->text.n : 0);
	}
}

static void write_targets(const struct figures *figures)
{
	for (unsigned i = 0; i < N_DOCUMENT_KINDS; i++) {
		const struct document *document =
			document_of(figures, (enum document_kind)i);

		labelled(figures, "kind",
		         document_kind_name((enum document_kind)i),
		         document ? document->n_items : 0);
	}
}

static void write_edits(const struct figures *figures)
{
	for (unsigned i = 0; i <= REGISTRY_FAILED; i++)
		labelled(figures, "outcome",
		         registry_outcome_name((enum registry_outcome)i),
		         (double)figures->stats.n_edits[i]);
}

static void write_waiting(const struct figures *figures)
{
	plain(figures, figures->stats.n_waiting);
}

static void write_objects(const struct figures *figures)
{
	const struct model *model = registry_model(figures->registry);

	for (unsigned i = 0; i < N_KINDS; i++)
		labelled(figures, "kind", kinds[i].name,
		         model_count(model, (enum kind)i));
}

static void write_refused(const struct figures *figures)
{
	static const char *const reasons[] = { "token", "scope" };

	for (size_t i = 0; i < ARRAY_SIZE(reasons); i++)
		labelled(figures, "reason", reasons[i],
		         (double)figures->stats.n_refused[i]);
}

static void write_rereads(const struct figures *figures)
{
	plain(figures, (double)figures->stats.n_reloads);
}

static void write_render(const struct figures *figures)
{
	plain(figures, (double)figures->stats.last_render_us / US_PER_S);
}

static void write_render_total(const struct figures *figures)
{
	plain(figures, (double)figures->stats.render_us / US_PER_S);
}

static void write_renders(const struct figures *figures)
{
	plain(figures, (double)figures->stats.n_renders);
}

static void write_revision(const struct figures *figures)
{
	plain(figures, (double)registry_revision(figures->registry));
}

static void write_watchers(const struct figures *figures)
{
	plain(figures, figures->stats.n_watches);
}

static void write_well(const struct figures *figures)
{
	plain(figures, registry_is_well(figures->registry, NULL));
}

/* What stands behind "bouncer_registry_". */
static const struct {
	const char *name;
	void (*write)(const struct figures *figures);
} samples[] = {
	{ "alerts_total", write_alerts },
	{ "alerts_dropped_total", write_dropped },
	{ "alerts_unrouted_total", write_unrouted },
	{ "checks_total", write_checks },
	{ "commit_seconds", write_commit_time },
	{ "commits_failed_total", write_failed },
	{ "commits_total", write_commits },
	{ "database_bytes", write_size },
	{ "deliveries_total", write_deliveries },
	{ "deliveries_waiting", write_undelivered },
	{ "document_bytes", write_bytes },
	{ "edits_total", write_edits },
	{ "edits_waiting", write_waiting },
	{ "objects", write_objects },
	{ "queue_bytes", write_queue },
	{ "refused_total", write_refused },
	{ "render_seconds", write_render },
	{ "render_seconds_total", write_render_total },
	{ "renders_total", write_renders },
	{ "rereads_total", write_rereads },
	{ "revision", write_revision },
	{ "targets", write_targets },
	{ "watchers", write_watchers },
	{ "well", write_well },
};

void registry_figures_sample(struct registry *registry, const char *family,
                             struct buf *out)
{
	static const char prefix[] = "bouncer_registry_";
	struct figures figures = { .registry = registry,
		                   .family = family,
		                   .out = out };

	if (!slice_starts(slice_from(family), prefix))
		return;
	registry_stats(registry, &figures.stats);
	store_stats(registry_store(registry), &figures.store);
	if (registry_alerts(registry))
		figures.alerts =
			registry_alerts_stats(registry_alerts(registry));
	for (size_t i = 0; i < ARRAY_SIZE(samples); i++) {
		if (text_equal(family + sizeof(prefix) - 1, samples[i].name))
			samples[i].write(&figures);
	}
	server_figures_sample(registry, family, out);
}

/* --- the page ------------------------------------------------------------------ */

static uint32_t n_items(struct documents *documents, const char *shard,
                        enum document_kind kind)
{
	const struct document *document = documents_get(documents, shard, kind);

	return document ? document->n_items : 0;
}

static void write_shard(struct documents *documents, const struct object *shard,
                        struct buf *out)
{
	const char *name = object_text(shard, SHARD_NAME);

	(void)buf_puts(out, "<tr><td>");
	text_escape_html(out, slice_from(name));
	(void)buf_printf(out,
	                 "</td><td>%u</td><td>%u</td><td>%u</td><td>%u</td>"
	                 "<td>%u</td></tr>\n",
	                 n_items(documents, name, DOCUMENT_TARGETS),
	                 n_items(documents, name, DOCUMENT_URLS),
	                 n_items(documents, name, DOCUMENT_RULES),
	                 object_n_children(shard, KIND_PROJECT, PROJECT_SHARD),
	                 object_n_children(shard, KIND_SERVER, SERVER_SHARD));
}

void registry_figures_page(struct registry *registry, struct buf *out)
{
	const struct model *model = registry_model(registry);
	struct documents *documents = registry_documents(registry);
	struct err err;

	if (!registry_is_well(registry, &err)) {
		(void)buf_puts(out, "<p class=\"gave_up\">Registry: ");
		text_escape_html(out, slice_from(err.message));
		(void)buf_puts(out, "</p>\n");
	}
	(void)buf_printf(out,
	                 "<h2>Registry</h2>\n<p>Revision %llu</p>\n"
	                 "<table><thead><tr><th>Shard</th><th>Targets</th>"
	                 "<th>URLs</th><th>Rules</th><th>Projects</th>"
	                 "<th>Servers</th></tr></thead><tbody>\n",
	                 (unsigned long long)registry_revision(registry));
	MODEL_FOR_EACH(shard, model, KIND_SHARD)
	write_shard(documents, shard, out);
	(void)buf_puts(out, "</tbody></table>\n");
	server_figures_page(registry, out);
	(void)buf_puts(out, "<h2>Monitors</h2>\n");
}
