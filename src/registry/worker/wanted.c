/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/worker/wanted.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "proto/json.h"

static const char *const names[N_DOCUMENT_KINDS] = {
	[DOCUMENT_TARGETS] = "targets",
	[DOCUMENT_URLS] = "urls",
	[DOCUMENT_RULES] = "rules",
	[DOCUMENT_NODES] = "nodes",
};

const char *wanted_name(enum document_kind kind)
{
	return names[kind];
}

/* What a header or a request's line can hold. */
static bool is_visible(const char *text)
{
	for (; *text; text++) {
		if (*text <= ' ' || *text > '~')
			return false;
	}
	return true;
}

static int read_document(const struct json_t *from, const char *name,
                         struct wanted_document *document, struct err *err)
{
	if (json_is_missing(from))
		return 0;
	if (!json_copy_text(json_get(from, "etag"), document->etag,
	                    sizeof(document->etag)) ||
	    !json_copy_text(json_get(from, "path"), document->path,
	                    sizeof(document->path)) ||
	    document->path[0] != '/' || !is_visible(document->path) ||
	    !is_visible(document->etag))
		return err_set(err, -EINVAL,
		               "the registry tells of %s without a path and "
		               "an etag",
		               name);
	return 0;
}

int wanted_parse(struct slice text, struct wanted *wanted, struct err *err)
{
	const struct json_t *documents;
	struct json_t *root;
	int64_t revision;
	int r = json_parse(text, &root, err);

	*wanted = (struct wanted){ 0 };
	if (r < 0)
		return r;
	revision = json_as_int(json_get(root, "revision"), -1);
	documents = json_get(root, "documents");
	if (revision < 0 || !json_is_map(documents))
		r = err_set(err, -EINVAL,
		            "what the registry says is no list of documents");
	wanted->revision = revision < 0 ? 0 : (uint64_t)revision;
	if (!json_copy_text(json_get(root, "id"), wanted->id,
	                    sizeof(wanted->id)) ||
	    !is_visible(wanted->id))
		(void)snprintf(wanted->id, sizeof(wanted->id), "%" PRIu64,
		               wanted->revision);
	(void)json_copy_text(json_get(root, "shard"), wanted->shard,
	                     sizeof(wanted->shard));
	for (size_t i = 0; r == 0 && i < N_DOCUMENT_KINDS; i++)
		r = read_document(json_get(documents, names[i]), names[i],
		                  &wanted->documents[i], err);
	json_free(root);
	return r;
}
