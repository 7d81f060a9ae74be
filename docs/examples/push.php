<?php
/*
 * Sends what changed in a complaint database to a Simpul hub. One file, PHP 7.2 or newer with PDO and curl. Run it from
 * cron, as often as you like:
 *
 *     * * * * *  php /opt/simpul/push.php
 *
 * It keeps nothing: the hub remembers how far it came. What it sends twice changes nothing.
 * Fill in settings.php beside this file (or set environment variables of the same names) and the query below.
 *
 *     <?php return [
 *         'SIMPUL_HUB' => 'https://simpul.example.go.id',   // the hub's address
 *         'SIMPUL_AGENCY' => 'kab-contoh',                  // the name of your agency's file at the hub, without .toml
 *         'SIMPUL_SECRET' => 'whsec_...',                   // agreed on with the hub; openssl rand -base64 32
 *         'DB_DSN' => 'mysql:host=localhost;dbname=aduan;charset=utf8mb4',
 *         'DB_USER' => 'baca', 'DB_PASSWORD' => '...',      // an account that can only read
 *         'DB_ZONE' => 'Asia/Jakarta',                      // of the times in the database
 *     ];
 *
 * `php push.php --show` prints the first records and sends nothing.
 *
 * Exit codes: 0 everything was taken; 1 the hub refused some records, standard error says which and why; 2 something is
 * wrong with the settings, the query, the secret or the clock; 3 hub or database can't be reached: it goes on next time.
 */

/* What the hub is to know of a complaint. The names are yours: the agency's file at the hub says what they mean.
   `diubah` and `id` must be there: when a row changed last, and its key. */
const QUERY = <<<'SQL'
SELECT id, nomor, judul, isi, status, kategori, rahasia, dibuat, diubah
FROM aduan
WHERE diubah > :since OR (diubah = :same AND id > :id)
ORDER BY diubah, id
LIMIT 500
SQL;

/* Seconds that are read again each time, for what was saved late under an earlier moment. */
const OVERLAP = 120;

const MOST_BYTES = 1900000;
const ATTEMPTS = 3;

exit(main(in_array('--show', $argv, true)));

function main(bool $show): int
{
    date_default_timezone_set(setting('DB_ZONE', 'Asia/Jakarta'));
    $alone = fopen(__FILE__, 'r');
    if (!flock($alone, LOCK_EX | LOCK_NB)) {
        return 0; // the run before is not done yet
    }
    try {
        $database = new PDO(setting('DB_DSN'), setting('DB_USER', ''), setting('DB_PASSWORD', ''), [
            PDO::ATTR_ERRMODE => PDO::ERRMODE_EXCEPTION,
            PDO::ATTR_EMULATE_PREPARES => false,
            PDO::ATTR_DEFAULT_FETCH_MODE => PDO::FETCH_ASSOC,
        ]);
    } catch (PDOException $error) {
        return fail(3, 'the database: ' . $error->getMessage());
    }
    try {
        if ($show) {
            echo encoded(array_slice(changed($database, '1970-01-01 00:00:00', '0'), 0, 3), JSON_PRETTY_PRINT), "\n";
            return 0;
        }
        return send($database);
    } catch (PDOException $error) {
        return fail(2, 'the query: ' . $error->getMessage());
    } catch (Refused $error) {
        return fail($error->getCode(), $error->getMessage());
    }
}

class Refused extends Exception
{
}

function send(PDO $database): int
{
    $cursor = ask('GET', '')['cursor'];
    list($since, $id) = $cursor === null ? ['1970-01-01 00:00:00', '0'] : explode('|', $cursor, 2);
    if ($cursor !== null) {
        list($since, $id) = [date('Y-m-d H:i:s', strtotime($since) - OVERLAP), '0'];
    }
    $count = ['applied' => 0, 'unchanged' => 0, 'rejected' => 0];
    $sent = false;
    do {
        $rows = changed($database, $since, $id);
        if (!$rows && $sent) {
            break;
        }
        $batch = fitting($rows);
        if ($batch) {
            $last = end($batch);
            list($since, $id) = [$last['diubah'], (string) $last['id']];
            // A row of tomorrow must not make the hub remember tomorrow, and with it skip the rest of today.
            $cursor = $since <= date('Y-m-d H:i:s') ? "$since|$id" : $cursor;
        }
        // No records at all: the hub learns that we are alive and have nothing new.
        $answer = ask('POST', encoded(['records' => $batch, 'cursor' => $cursor]));
        $sent = true;
        foreach ($answer['results'] as $result) {
            $count[$result['status']]++;
            if ($result['status'] === 'rejected') {
                fwrite(STDERR, "refused {$result['id']}: {$result['reason']}\n");
            }
        }
    } while ($rows);
    echo "{$count['applied']} applied, {$count['unchanged']} unchanged, {$count['rejected']} refused\n";
    return $count['rejected'] ? 1 : 0;
}

function changed(PDO $database, string $since, string $id): array
{
    $statement = $database->prepare(QUERY);
    $statement->execute(['since' => $since, 'same' => $since, 'id' => $id]);
    return $statement->fetchAll();
}

/* As many rows as the hub takes at once. */
function fitting(array $rows): array
{
    while (count($rows) > 1 && strlen(encoded($rows)) > MOST_BYTES) {
        $rows = array_slice($rows, 0, intdiv(count($rows), 2));
    }
    return $rows;
}

function encoded(array $value, int $more = 0): string
{
    return json_encode($value, $more | JSON_UNESCAPED_UNICODE | JSON_UNESCAPED_SLASHES | JSON_INVALID_UTF8_SUBSTITUTE);
}

/* A signed request; the same one again while the hub is away. */
function ask(string $method, string $body): array
{
    $id = 'msg_' . bin2hex(random_bytes(16));
    for ($attempt = 1; ; $attempt++) {
        list($status, $text) = request($method, $body, $id);
        $answer = json_decode($text, true);
        if ($status === 200 && is_array($answer)) {
            return $answer;
        }
        $reason = isset($answer['error']) ? $answer['error'] : substr($text, 0, 200);
        if ($status !== 0 && $status !== 408 && $status !== 429 && $status < 500) {
            throw new Refused("the hub answered $status: $reason", 2);
        }
        if ($attempt === ATTEMPTS) {
            throw new Refused("the hub can't be reached ($status): $reason", 3);
        }
        usleep(random_int(300000, 600000) * $attempt);
    }
}

function request(string $method, string $body, string $id): array
{
    $now = time();
    $headers = [
        'Content-Type: application/json',
        "webhook-id: $id",
        "webhook-timestamp: $now",
        'webhook-signature: v1,' . base64_encode(hash_hmac('sha256', "$id.$now.$body", key_of(setting('SIMPUL_SECRET')), true)),
    ];
    $curl = curl_init(rtrim(setting('SIMPUL_HUB'), '/') . '/agencies/' . setting('SIMPUL_AGENCY') . '/webhook');
    curl_setopt_array($curl, [
        CURLOPT_CUSTOMREQUEST => $method,
        CURLOPT_HTTPHEADER => $headers,
        CURLOPT_RETURNTRANSFER => true,
        CURLOPT_CONNECTTIMEOUT => 10,
        CURLOPT_TIMEOUT => 60,
    ]);
    if ($method === 'POST') {
        curl_setopt($curl, CURLOPT_POSTFIELDS, $body);
    }
    $text = curl_exec($curl);
    $status = curl_getinfo($curl, CURLINFO_RESPONSE_CODE);
    return $text === false ? [0, curl_error($curl)] : [$status, $text];
}

function key_of(string $secret): string
{
    if (strncmp($secret, 'whsec_', 6) !== 0) {
        return $secret;
    }
    $key = base64_decode(substr($secret, 6), true);
    if ($key === false) {
        throw new Refused('SIMPUL_SECRET is not Base64 after whsec_', 2);
    }
    return $key;
}

function setting(string $name, ?string $default = null): string
{
    static $file = null;
    if ($file === null) {
        $file = is_file(__DIR__ . '/settings.php') ? require __DIR__ . '/settings.php' : [];
    }
    $value = getenv($name);
    if ($value === false || $value === '') {
        $value = isset($file[$name]) ? $file[$name] : $default;
    }
    if ($value === null) {
        exit(fail(2, "$name is not set, neither in settings.php nor in the environment"));
    }
    return $value;
}

function fail(int $code, string $message): int
{
    fwrite(STDERR, "push.php: $message\n");
    return $code;
}
