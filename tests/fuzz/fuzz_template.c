/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz template: what is accepted gives a document, whatever the notice says.
 * The first byte is the kind: p plain, l line, j JSON, u URL.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "base/buf.h"
#include "base/mem.h"
#include "base/text.h"
#include "core/template.h"
#include "core/webhook.h"
#include "proto/json.h"
#include "proto/url.h"

#define HOSTILE "\"\\\xff\xc3{{ host }}\r\n\x1b,<!channel>&`@all"
#define TEXTS                                                      \
	.monitor = HOSTILE, .rule = HOSTILE, .container = HOSTILE, \
	.image = HOSTILE, .runtime = HOSTILE, .host = HOSTILE,     \
	.reason = HOSTILE, .step = HOSTILE, .result = HOSTILE,     \
	.detail = HOSTILE, .output = HOSTILE

static const struct notice notices[] = {
	{ TEXTS, .exit_code = -1 },
	{ TEXTS, .event = NOTICE_GAVE_UP, .exit_code = 137, .age_ms = 123456,
	  .attempt = 10, .max_attempts = 12, .next_ms = 1, .n_held = 11,
	  .wall_ms = -1 },
};

static void require(bool condition)
{
	if (!condition)
		abort();
}

static void check_document(struct slice text, enum template_kind kind)
{
	struct err err = { 0 };
	struct json_t *root = NULL;
	struct slice target;
	struct url url;

	if (kind == TEMPLATE_JSON) {
		/* a number may still be beyond what a double holds */
		require(json_parse(text, &root, &err) == 0 ||
		        strstr(err.message, "overflow"));
		json_free(root);
	} else if (kind == TEMPLATE_URL && text.n <= URL_MAX_LENGTH) {
		require(url_parse_target(text, &url, &target, NULL) == 0);
	}
}

static void fuzz(struct slice text, enum template_kind kind)
{
	struct err err = { 0 };
	struct buf out;
	int r = template_check(text, kind, &err);

	require((r == 0) == (err.message[0] == '\0'));
	buf_init(&out, WEBHOOK_MAX_BODY);
	for (size_t i = 0; i < ARRAY_SIZE(notices); i++) {
		buf_reset(&out);
		template_render(text, kind, &notices[i], &out);
		if (r == 0 && !out.failed)
			check_document(buf_slice(&out), kind);
	}
	buf_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char kinds[] = { [TEMPLATE_PLAIN] = 'p',
		                      [TEMPLATE_LINE] = 'l',
		                      [TEMPLATE_JSON] = 'j',
		                      [TEMPLATE_URL] = 'u' };
	const char *kind = size ? memchr(kinds, *data, sizeof(kinds)) : NULL;
	char *copy;

	if (!kind)
		return 0;
	/* a copy without a byte to spare */
	copy = mem_alloc(size);
	require(copy != NULL);
	memcpy(copy, data + 1, size - 1);
	fuzz(slice_make(copy, size - 1), (enum template_kind)(kind - kinds));
	mem_free(copy);
	return 0;
}
