/* SPDX-License-Identifier: Apache-2.0 */
#include "core/journal.h"

#include <errno.h>
#include <string.h>
#include "base/mem.h"

static const char *const event_names[] = {
	[JOURNAL_STATE] = "state",   [JOURNAL_HELD] = "held",
	[JOURNAL_STEP] = "step",     [JOURNAL_SOURCE] = "source",
	[JOURNAL_STORM] = "storm",   [JOURNAL_TARGET] = "target",
	[JOURNAL_DAEMON] = "daemon",
};

const char *journal_event_name(enum journal_event event)
{
	return event_names[event];
}

int journal_init(struct journal *journal, uint32_t size)
{
	*journal = (struct journal){ .size = size, .next_seq = 1 };
	journal->ring = mem_calloc(size, sizeof(*journal->ring));
	return journal->ring ? 0 : -ENOMEM;
}

void journal_fini(struct journal *journal)
{
	for (uint32_t i = 0; journal->ring && i < journal->size; i++)
		mem_free(journal->ring[i]);
	mem_free(journal->ring);
	*journal = (struct journal){ 0 };
}

static struct journal_entry **slot(const struct journal *journal, uint64_t seq)
{
	return &journal->ring[seq % journal->size];
}

uint64_t journal_first(const struct journal *journal)
{
	return journal->next_seq > journal->size
	               ? journal->next_seq - journal->size
	               : 1;
}

int journal_resize(struct journal *journal, uint32_t size)
{
	struct journal resized;
	uint64_t seq;

	if (size == journal->size)
		return 0;
	if (journal_init(&resized, size) < 0)
		return -ENOMEM;
	resized.next_seq = journal->next_seq;
	resized.n_lost = journal->n_lost;
	resized.added = journal->added;
	resized.context = journal->context;
	for (seq = journal_first(journal); seq < journal->next_seq; seq++) {
		struct journal_entry **entryp = slot(journal, seq);

		if (seq < journal_first(&resized))
			continue;
		*slot(&resized, seq) = *entryp;
		*entryp = NULL;
	}
	journal_fini(journal);
	*journal = resized;
	return 0;
}

/* Copies to *@textp, which moves on. */
static const char *keep(char **textp, const char *text, size_t n)
{
	char *kept = *textp;

	if (n)
		memcpy(kept, text, n);
	kept[n] = '\0';
	*textp += n + 1;
	return kept;
}

static size_t length(const char *text)
{
	return text ? strlen(text) : 0;
}

void journal_put(struct journal *journal, const struct journal_entry *given)
{
	struct journal_entry **entryp = slot(journal, journal->next_seq);
	size_t n_subject = length(given->subject);
	size_t n_container = length(given->container);
	size_t n_detail = MIN(length(given->detail), JOURNAL_DETAIL_MAX);
	struct journal_entry *entry;
	char *text;

	mem_free(*entryp);
	*entryp = NULL;
	entry = mem_alloc(sizeof(*entry) + n_subject + n_container + n_detail +
	                  3);
	if (journal->added)
		journal->added(journal->context);
	if (!entry) {
		journal->next_seq++;
		journal->n_lost++;
		return;
	}
	*entry = *given;
	text = entry->text;
	entry->seq = journal->next_seq++;
	entry->subject = keep(&text, given->subject, n_subject);
	entry->container = keep(&text, given->container, n_container);
	entry->detail = keep(&text, given->detail, n_detail);
	*entryp = entry;
}

void journal_add(struct journal *journal, int64_t wall_ms,
                 enum journal_event event, const char *subject,
                 const char *from, const char *to, const char *reason,
                 const char *detail)
{
	const struct journal_entry entry = {
		.wall_ms = wall_ms,
		.event = event,
		.from = from,
		.to = to,
		.reason = reason,
		.subject = subject,
		.detail = detail,
	};

	journal_put(journal, &entry);
}

const struct journal_entry *journal_get(const struct journal *journal,
                                        uint64_t seq)
{
	const struct journal_entry *entry;

	if (seq < journal_first(journal) || seq >= journal->next_seq)
		return NULL;
	entry = *slot(journal, seq);
	return entry && entry->seq == seq ? entry : NULL;
}
