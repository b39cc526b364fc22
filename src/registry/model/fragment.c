/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/model/fragment.h"

#include <assert.h>
#include <errno.h>
#include <zlib.h>
#include "base/mem.h"
#include "base/sha256.h"

#define LEVEL        4
#define MEMORY_LEVEL 8
#define FLUSH_SLACK  64 /* bytes that a flush may need beyond the bound */
#define LENGTH_SIZE  4  /* of a stored block: LEN and its complement */
#define GZIP_HEAD    10
#define GZIP_TAIL    8

struct deflater {
	z_stream zlib;
	struct buf out;
};

static void *zlib_alloc(void *context, unsigned count, unsigned size)
{
	return mem_calloc(count, size);
}

static void zlib_free(void *context, void *pointer)
{
	mem_free(pointer);
}

struct deflater *deflater_new(void)
{
	struct deflater *deflater = mem_calloc(1, sizeof(*deflater));

	if (!deflater)
		return NULL;
	deflater->zlib = (z_stream){ .zalloc = zlib_alloc, .zfree = zlib_free };
	buf_init(&deflater->out, 2 * (size_t)FRAGMENT_MAX);
	if (deflateInit2(&deflater->zlib, LEVEL, Z_DEFLATED, -MAX_WBITS,
	                 MEMORY_LEVEL, Z_DEFAULT_STRATEGY) != Z_OK) {
		mem_free(deflater);
		return NULL;
	}
	return deflater;
}

void deflater_free(struct deflater *deflater)
{
	if (!deflater)
		return;
	(void)deflateEnd(&deflater->zlib);
	buf_fini(&deflater->out);
	mem_free(deflater);
}

/* Into deflater->out, without the length of the last, empty, stored block. */
static int deflate_text(struct deflater *deflater, struct slice text)
{
	z_stream *zlib = &deflater->zlib;
	size_t bound = deflateBound(zlib, text.n) + FLUSH_SLACK;

	buf_reset(&deflater->out);
	if (buf_reserve(&deflater->out, bound) < 0)
		return deflater->out.failed;
	(void)deflateReset(zlib);
	zlib->next_in = (Bytef *)(uintptr_t)text.p;
	zlib->avail_in = (uInt)text.n;
	zlib->next_out = (Bytef *)deflater->out.p;
	zlib->avail_out = (uInt)bound;
	if (deflate(zlib, Z_SYNC_FLUSH) != Z_OK || zlib->avail_out == 0)
		return -EINVAL;
	deflater->out.n = bound - zlib->avail_out - LENGTH_SIZE;
	assert(memcmp(deflater->out.p + deflater->out.n, "\0\0\xff\xff", 4) ==
	       0);
	return 0;
}

struct fragment *fragment_new(struct deflater *deflater, struct slice text,
                              uint32_t n_items)
{
	uint8_t digest[SHA256_SIZE];
	struct fragment *fragment;
	struct slice deflated;

	assert(text.n > 0 && text.n <= FRAGMENT_MAX);
	if (deflate_text(deflater, text) < 0)
		return NULL;
	deflated = buf_slice(&deflater->out);
	fragment = mem_alloc(sizeof(*fragment) + text.n + deflated.n);
	if (!fragment)
		return NULL;
	fragment->n_items = n_items;
	fragment->crc = (uint32_t)crc32(0, (const Bytef *)text.p, (uInt)text.n);
	sha256(text, digest);
	memcpy(fragment->hash, digest, FRAGMENT_HASH_SIZE);
	memcpy(fragment->bytes, text.p, text.n);
	memcpy(fragment->bytes + text.n, deflated.p, deflated.n);
	fragment->text = slice_make(fragment->bytes, text.n);
	fragment->deflated = slice_make(fragment->bytes + text.n, deflated.n);
	return fragment;
}

/* --- joining -------------------------------------------------------------- */

int fragments_etag(const struct fragment *const *fragments, size_t n,
                   char etag[static DOCUMENT_ETAG_MAX])
{
	static const char digits[] = "0123456789abcdef";
	uint8_t digest[SHA256_SIZE];
	uint8_t *hashes = mem_alloc(n * FRAGMENT_HASH_SIZE + 1);
	char *at = etag;

	if (!hashes)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		memcpy(hashes + i * FRAGMENT_HASH_SIZE, fragments[i]->hash,
		       FRAGMENT_HASH_SIZE);
	sha256(slice_make((const char *)hashes, n * FRAGMENT_HASH_SIZE),
	       digest);
	mem_free(hashes);

	*at++ = '"';
	for (size_t i = 0; i < FRAGMENT_HASH_SIZE; i++) {
		*at++ = digits[digest[i] >> 4];
		*at++ = digits[digest[i] & 15];
	}
	*at++ = '"';
	*at = '\0';
	return 0;
}

struct join {
	char *text;
	char *gzip;
	uLong crc;
};

static void join_put(char **at, struct slice bytes)
{
	memcpy(*at, bytes.p, bytes.n);
	*at += bytes.n;
}

static void join_number(char **at, uint32_t number, unsigned n_bytes)
{
	for (unsigned i = 0; i < n_bytes; i++)
		*(*at)++ = (char)(number >> 8 * i);
}

/* The rest of a stored block whose first byte is there. */
static void join_words(struct join *join, struct slice words)
{
	join_put(&join->text, words);
	join->crc = crc32(join->crc, (const Bytef *)words.p, (uInt)words.n);
	join_number(&join->gzip, (uint32_t)words.n, 2);
	join_number(&join->gzip, ~(uint32_t)words.n, 2);
	join_put(&join->gzip, words);
}

static void join_fragment(struct join *join, const struct fragment *fragment)
{
	join_put(&join->text, fragment->text);
	join_put(&join->gzip, fragment->deflated);
	join->crc = crc32_combine(join->crc, fragment->crc,
	                          (z_off_t)fragment->text.n);
}

static void join_all(struct join *join, const struct fragment *const *fragments,
                     size_t n, const struct joints *joints)
{
	static const char head[GZIP_HEAD] = { 0x1f, (char)0x8b, Z_DEFLATED, 0,
		                              0,    0,          0,          0,
		                              0,    (char)0xff };
	static const char stored[1] = { 0 };
	static const char last[2] = { 3, 0 }; /* an empty block, the last */
	const char *begin = join->text;

	join->crc = crc32(0, NULL, 0);
	join_put(&join->gzip, slice_make(head, sizeof(head)));
	join_put(&join->gzip, slice_make(stored, sizeof(stored)));
	join_words(join, n ? joints->head : joints->none);
	for (size_t i = 0; i < n; i++) {
		join_fragment(join, fragments[i]);
		join_words(join, i + 1 < n ? joints->between : joints->tail);
	}
	join_put(&join->gzip, slice_make(last, sizeof(last)));
	join_number(&join->gzip, (uint32_t)join->crc, 4);
	join_number(&join->gzip, (uint32_t)(join->text - begin), 4);
}

int fragments_join(const struct fragment *const *fragments, size_t n,
                   const struct joints *joints, struct document **documentp)
{
	size_t n_text = n ? joints->head.n + (n - 1) * joints->between.n +
	                                joints->tail.n
	                  : joints->none.n;
	size_t n_gzip =
		GZIP_HEAD + 1 + LENGTH_SIZE * (n + 1) + n_text + 2 + GZIP_TAIL;
	struct document *document;
	struct join join;

	for (size_t i = 0; i < n; i++) {
		n_text += fragments[i]->text.n;
		n_gzip += fragments[i]->deflated.n;
	}
	if (n_text > DOCUMENT_MAX)
		return -E2BIG;
	document = mem_alloc(sizeof(*document) + n_text + n_gzip);
	if (!document)
		return -ENOMEM;
	*document = (struct document){ .n_refs = 1 };
	for (size_t i = 0; i < n; i++)
		document->n_items += fragments[i]->n_items;
	join.text = (char *)(document + 1);
	join.gzip = join.text + n_text;
	document->text = slice_make(join.text, n_text);
	document->gzip = slice_make(join.gzip, n_gzip);
	join_all(&join, fragments, n, joints);
	assert(join.text == document->gzip.p);
	assert(join.gzip == document->gzip.p + n_gzip);
	*documentp = document;
	return 0;
}
