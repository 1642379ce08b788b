//! Many jobs are given their places at once, and get those that they would have got one after the other.

use clipmill_tests::Server;
use uuid::Uuid;

#[tokio::test]
async fn places_given_together_are_those_given_one_after_the_other() {
    let server = Server::start().await;
    // The first of the queue is the clock for all that come.
    server.submit_small().await;
    let (together, alone) = (Uuid::now_v7(), Uuid::now_v7());
    let accounts = "insert into accounts (id, name, webhook_secret) select id, 'a', decode(repeat('07', 32), 'hex') from unnest($1) as id";
    sqlx::query(accounts).bind([together, alone]).execute(&server.pool).await.unwrap();
    let shares = "insert into shares (account_id, tier, virtual_finish, weight)
        select id, tier, 5, 2 from unnest($1::uuid[]) as id, unnest(enum_range(null::tier)) as tier";
    sqlx::query(shares).bind([together, alone]).execute(&server.pool).await.unwrap();
    let (tiers, costs) = (["fast", "pro", "fast", "fast", "pro"], [3.0, 1.0, 4.0, 1.5, 9.0]);

    let ids: Vec<Uuid> = costs.iter().map(|_| Uuid::now_v7()).collect();
    let at_once =
        "select fair_start from fair_starts($1, array_fill($2, array[5]), $3::text[]::tier[], $4) order by job_id";
    let at_once: Vec<f64> = sqlx::query_scalar(at_once)
        .bind(&ids)
        .bind(together)
        .bind(tiers)
        .bind(costs)
        .fetch_all(&server.pool)
        .await
        .unwrap();
    let mut one_by_one = Vec::new();
    for (tier, cost) in tiers.into_iter().zip(costs) {
        let place =
            sqlx::query_scalar::<_, f64>("select fair_start($1, $2::text::tier, $3)").bind(alone).bind(tier).bind(cost);
        one_by_one.push(place.fetch_one(&server.pool).await.unwrap());
    }
    assert_eq!(at_once, one_by_one);
    assert_eq!(at_once, [5.0, 5.0, 6.5, 8.5, 5.5]);
}
