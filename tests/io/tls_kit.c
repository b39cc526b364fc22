/* SPDX-License-Identifier: Apache-2.0 */
#include "support/cmocka.h"
#include "io/tls_kit.h"

#include <mbedtls/ecp.h>
#include <mbedtls/oid.h>
#include <mbedtls/pk.h>
#include <mbedtls/version.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/macros.h"

#if MBEDTLS_VERSION_MAJOR >= 3
#include <psa/crypto.h>
#endif

/* --- certificates -------------------------------------------------------- */

struct recipe {
	const char *name;    /* of the file */
	const char *subject; /* CN=… */
	const char *from;
	const char *until;
	const char *alt; /* subjectAltName in DER, NULL: none */
	size_t alt_size;
	bool unknown; /* signed by itself */
};

#define THEN_1     "20190101000000"
#define THEN_2     "20200101000000"
#define LATER      "20480101000000"
#define LATEST     "20490101000000"
#define ALT(bytes) .alt = (bytes), .alt_size = sizeof(bytes) - 1

/* SEQUENCE { [7] 127.0.0.1, [7] ::1, [2] localhost, [2] *.wild.test } */
#define ALT_GOOD                                     \
	"\x30\x30"                                   \
	"\x87\x04\x7f\x00\x00\x01"                   \
	"\x87\x10\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01" \
	"\x82\x09localhost"                          \
	"\x82\x0b*.wild.test"

static const struct recipe recipes[N_TLS_KIT_NAMES] = {
	[TLS_KIT_GOOD] = { "good", "CN=good", THEN_1, LATER, ALT(ALT_GOOD) },
	[TLS_KIT_EXPIRED] = { "expired", "CN=expired", THEN_1, THEN_2,
	                      ALT(ALT_GOOD) },
	[TLS_KIT_FUTURE] = { "future", "CN=future", LATER, LATEST,
	                     ALT(ALT_GOOD) },
	[TLS_KIT_OTHER] = { "other", "CN=127.0.0.1", THEN_1, LATER,
	                    ALT("\x30\x0c\x82\x0aother.test") },
	[TLS_KIT_UNKNOWN] = { "unknown", "CN=unknown", THEN_1, LATER,
	                      ALT(ALT_GOOD), .unknown = true },
	[TLS_KIT_CLIENT] = { .name = "client",
	                     .subject = "CN=client",
	                     .from = THEN_1,
	                     .until = LATER },
};

struct maker {
	mbedtls_entropy_context entropy;
	mbedtls_ctr_drbg_context random;
	mbedtls_pk_context ca_key;
};

static void make_key(struct maker *maker, mbedtls_pk_context *key)
{
	mbedtls_pk_init(key);
	assert_int_equal(mbedtls_pk_setup(key, mbedtls_pk_info_from_type(
						       MBEDTLS_PK_ECKEY)),
	                 0);
	assert_int_equal(mbedtls_ecp_gen_key(
				 MBEDTLS_ECP_DP_SECP256R1, mbedtls_pk_ec(*key),
				 mbedtls_ctr_drbg_random, &maker->random),
	                 0);
}

static void write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static void set_serial(mbedtls_x509write_cert *made, unsigned char number)
{
#if MBEDTLS_VERSION_MAJOR >= 3
	assert_int_equal(
		mbedtls_x509write_crt_set_serial_raw(made, &number, 1), 0);
#else
	mbedtls_mpi serial;

	mbedtls_mpi_init(&serial);
	assert_int_equal(mbedtls_mpi_lset(&serial, number), 0);
	assert_int_equal(mbedtls_x509write_crt_set_serial(made, &serial), 0);
	mbedtls_mpi_free(&serial);
#endif
}

/* The certificate in PEM, appended to @text of @size bytes. */
static void sign(struct maker *maker, const struct recipe *recipe,
                 mbedtls_pk_context *key, bool authority, char *text,
                 size_t size)
{
	bool alone = authority || recipe->unknown;
	size_t n = strlen(text);
	mbedtls_x509write_cert made;

	mbedtls_x509write_crt_init(&made);
	set_serial(&made, (unsigned char)recipe->name[0]);
	mbedtls_x509write_crt_set_version(&made, MBEDTLS_X509_CRT_VERSION_3);
	mbedtls_x509write_crt_set_md_alg(&made, MBEDTLS_MD_SHA256);
	mbedtls_x509write_crt_set_subject_key(&made, key);
	mbedtls_x509write_crt_set_issuer_key(&made,
	                                     alone ? key : &maker->ca_key);
	assert_int_equal(
		mbedtls_x509write_crt_set_subject_name(&made, recipe->subject),
		0);
	assert_int_equal(
		mbedtls_x509write_crt_set_issuer_name(
			&made, alone ? recipe->subject : "CN=authority"),
		0);
	assert_int_equal(mbedtls_x509write_crt_set_validity(&made, recipe->from,
	                                                    recipe->until),
	                 0);
	assert_int_equal(mbedtls_x509write_crt_set_basic_constraints(
				 &made, authority, -1),
	                 0);
	if (recipe->alt)
		assert_int_equal(
			mbedtls_x509write_crt_set_extension(
				&made, MBEDTLS_OID_SUBJECT_ALT_NAME,
				MBEDTLS_OID_SIZE(MBEDTLS_OID_SUBJECT_ALT_NAME),
				0, (const unsigned char *)recipe->alt,
				recipe->alt_size),
			0);
	assert_int_equal(mbedtls_x509write_crt_pem(
				 &made, (unsigned char *)text + n, size - n,
				 mbedtls_ctr_drbg_random, &maker->random),
	                 0);
	mbedtls_x509write_crt_free(&made);
}

static void make(struct maker *maker, const struct recipe *recipe,
                 const char *path)
{
	char text[8192] = "";
	mbedtls_pk_context key;

	make_key(maker, &key);
	assert_int_equal(mbedtls_pk_write_key_pem(&key, (unsigned char *)text,
	                                          sizeof(text)),
	                 0);
	sign(maker, recipe, &key, false, text, sizeof(text));
	write_file(path, text);
	mbedtls_pk_free(&key);
}

void tls_kit_write(struct tls_kit_files *files)
{
	static const struct recipe ca = { .name = "ca",
		                          .subject = "CN=authority",
		                          .from = THEN_1,
		                          .until = LATEST };
	char dir[] = "/tmp/bouncer-XXXXXX";
	char text[4096] = "";
	struct maker maker;

#if MBEDTLS_VERSION_MAJOR >= 3
	assert_int_equal(psa_crypto_init(), PSA_SUCCESS);
#endif
	assert_non_null(mkdtemp(dir));
	(void)snprintf(files->dir, sizeof(files->dir), "%s", dir);
	mbedtls_entropy_init(&maker.entropy);
	mbedtls_ctr_drbg_init(&maker.random);
	assert_int_equal(mbedtls_ctr_drbg_seed(&maker.random,
	                                       mbedtls_entropy_func,
	                                       &maker.entropy, NULL, 0),
	                 0);
	make_key(&maker, &maker.ca_key);
	sign(&maker, &ca, &maker.ca_key, true, text, sizeof(text));
	(void)snprintf(files->ca, sizeof(files->ca), "%s/ca.pem", dir);
	write_file(files->ca, text);
	for (int i = 0; i < N_TLS_KIT_NAMES; i++) {
		(void)snprintf(files->of[i], sizeof(files->of[i]), "%s/%s.pem",
		               dir, recipes[i].name);
		make(&maker, &recipes[i], files->of[i]);
	}
	mbedtls_pk_free(&maker.ca_key);
	mbedtls_ctr_drbg_free(&maker.random);
	mbedtls_entropy_free(&maker.entropy);
}

void tls_kit_remove(struct tls_kit_files *files)
{
	(void)unlink(files->ca);
	for (int i = 0; i < N_TLS_KIT_NAMES; i++)
		(void)unlink(files->of[i]);
	(void)rmdir(files->dir);
}

/* --- the server ---------------------------------------------------------- */

static int parse_key(struct tls_kit_server *server, const char *file)
{
#if MBEDTLS_VERSION_MAJOR >= 3
	return mbedtls_pk_parse_keyfile(&server->key, file, NULL,
	                                mbedtls_ctr_drbg_random,
	                                &server->random);
#else
	return mbedtls_pk_parse_keyfile(&server->key, file, NULL);
#endif
}

void tls_kit_server_init(struct tls_kit_server *server, const char *file,
                         const char *client_ca)
{
	mbedtls_entropy_init(&server->entropy);
	mbedtls_ctr_drbg_init(&server->random);
	mbedtls_x509_crt_init(&server->authority);
	mbedtls_x509_crt_init(&server->certificate);
	mbedtls_pk_init(&server->key);
	mbedtls_ssl_config_init(&server->config);
	assert_int_equal(mbedtls_ctr_drbg_seed(&server->random,
	                                       mbedtls_entropy_func,
	                                       &server->entropy, NULL, 0),
	                 0);
	assert_int_equal(
		mbedtls_x509_crt_parse_file(&server->certificate, file), 0);
	assert_int_equal(parse_key(server, file), 0);
	assert_int_equal(mbedtls_ssl_config_defaults(
				 &server->config, MBEDTLS_SSL_IS_SERVER,
				 MBEDTLS_SSL_TRANSPORT_STREAM,
				 MBEDTLS_SSL_PRESET_DEFAULT),
	                 0);
	mbedtls_ssl_conf_rng(&server->config, mbedtls_ctr_drbg_random,
	                     &server->random);
	assert_int_equal(mbedtls_ssl_conf_own_cert(&server->config,
	                                           &server->certificate,
	                                           &server->key),
	                 0);
	if (!client_ca)
		return;
	assert_int_equal(
		mbedtls_x509_crt_parse_file(&server->authority, client_ca), 0);
	mbedtls_ssl_conf_ca_chain(&server->config, &server->authority, NULL);
	mbedtls_ssl_conf_authmode(&server->config, MBEDTLS_SSL_VERIFY_REQUIRED);
#if MBEDTLS_VERSION_MAJOR >= 3
	/* as a server of TLS 1.3 it sends its alerts with the wrong keys */
	mbedtls_ssl_conf_max_tls_version(&server->config,
	                                 MBEDTLS_SSL_VERSION_TLS1_2);
#endif
}

void tls_kit_server_fini(struct tls_kit_server *server)
{
	mbedtls_ssl_config_free(&server->config);
	mbedtls_pk_free(&server->key);
	mbedtls_x509_crt_free(&server->certificate);
	mbedtls_x509_crt_free(&server->authority);
	mbedtls_ctr_drbg_free(&server->random);
	mbedtls_entropy_free(&server->entropy);
}

/* --- one session --------------------------------------------------------- */

void tls_kit_append(struct peer_text *text, const char *bytes, size_t n)
{
	text->p = realloc(text->p, text->n + n + 1);
	assert_non_null(text->p);
	memcpy(text->p + text->n, bytes, n);
	text->n += n;
	text->p[text->n] = '\0';
}

void tls_kit_consume(struct peer_text *text, size_t n)
{
	memmove(text->p, text->p + n, text->n - n + 1);
	text->n -= n;
}

static int on_receive(void *context, unsigned char *bytes, size_t n)
{
	struct tls_kit_session *session = context;

	n = MIN(n, session->in.n);
	if (n == 0)
		return MBEDTLS_ERR_SSL_WANT_READ;
	memcpy(bytes, session->in.p, n);
	tls_kit_consume(&session->in, n);
	return (int)n;
}

static int on_send(void *context, const unsigned char *bytes, size_t n)
{
	struct tls_kit_session *session = context;

	tls_kit_append(&session->out, (const char *)bytes, n);
	return (int)n;
}

void tls_kit_session_init(struct tls_kit_session *session,
                          struct tls_kit_server *server)
{
	memset(session, 0, sizeof(*session));
	mbedtls_ssl_init(&session->ssl);
	assert_int_equal(mbedtls_ssl_setup(&session->ssl, &server->config), 0);
	mbedtls_ssl_set_bio(&session->ssl, session, on_send, on_receive, NULL);
}

void tls_kit_session_fini(struct tls_kit_session *session)
{
	mbedtls_ssl_free(&session->ssl);
	free(session->in.p);
	free(session->out.p);
	free(session->received.p);
}

static void read_plain(struct tls_kit_session *session)
{
	unsigned char plain[4096];
	int r;

	while ((r = mbedtls_ssl_read(&session->ssl, plain, sizeof(plain))) > 0)
		tls_kit_append(&session->received, (const char *)plain,
		               (size_t)r);
	if (r == MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY)
		session->ended = true;
	else if (r != MBEDTLS_ERR_SSL_WANT_READ)
		session->refusal = r;
}

void tls_kit_session_feed(struct tls_kit_session *session, const char *bytes,
                          size_t n)
{
	int r;

	tls_kit_append(&session->in, bytes, n);
	if (session->refusal || session->ended)
		return;
	if (!session->established) {
		r = mbedtls_ssl_handshake(&session->ssl);
		session->established = r == 0;
		if (r && r != MBEDTLS_ERR_SSL_WANT_READ)
			session->refusal = r;
	}
	if (session->established)
		read_plain(session);
}

void tls_kit_session_write(struct tls_kit_session *session, const char *text,
                           size_t n)
{
	while (n > 0) {
		int r = mbedtls_ssl_write(&session->ssl,
		                          (const unsigned char *)text, n);

		assert_true(r > 0);
		text += r;
		n -= (size_t)r;
	}
}

void tls_kit_session_end(struct tls_kit_session *session)
{
	assert_int_equal(mbedtls_ssl_close_notify(&session->ssl), 0);
}
