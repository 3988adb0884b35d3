/**
 * The title under which `ps` shows the broker.
 *
 * Apache Kafka's own kafka-server-stop.sh looks in `ps ax` for a line with ` kafka.Kafka ` and `java` and sends it
 * SIGTERM; a title with both words makes the stock script stop this broker. A title can be no longer than the command
 * line that the process was started with, so the longest that fits is taken.
 */
const TITLES = ['sordini (java kafka.Kafka compatible)', 'sordini java kafka.Kafka .', 'java kafka.Kafka .'];

export function nameProcess(): void {
  // scripts/start has named the process already.
  if (process.title.includes(' kafka.Kafka ')) return;
  for (const title of TITLES) {
    process.title = title;
    if (process.title === title) return;
  }
}
